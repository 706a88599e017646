/**
 * Processes whose clocks are wrong or jump. Leases use the clock of the database, so no upload is abandoned too early.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { folderUntilExit } from '../support/processes.ts'
import { request, upload } from './client.ts'
import { concurrent, long, notInstalled, testVerdict, useInstallation } from './suite.ts'

/** The Debian package faketime. Timers are not affected, because they use the monotonic clock. */
const LIBFAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
const FAKED = { LD_PRELOAD: LIBFAKETIME, DONT_FAKE_MONOTONIC: '1' }

if (existsSync(LIBFAKETIME)) await testClocks()
else notInstalled('wrong clocks', 'libfaketime (Debian: faketime)')

async function testClocks(): Promise<void> {
  const installation = await useInstallation('filesystem')
  const { url } = await installation.start()
  /** An upload that lasts three leases: 64 KiB each half second. */
  const sendSlowly = (server: string, title: string) =>
    upload(server, installation.log, { title, size: 900_000, pauseMs: 500 })

  test.for(['+1h', '-1h'])('the clock of one of two processes is wrong by %s', concurrent, async (shift) => {
    const skewed = await installation.start('serve', { ...FAKED, FAKETIME: shift })
    await expectSkew(skewed.url, shift)
    const answers = await Promise.all([sendSlowly(url, `beside ${shift}`), sendSlowly(skewed.url, `with ${shift}`)])
    expect(answers).toMatchObject([{ status: 201 }, { status: 201 }])
    await installation.kill(skewed)
  })

  test('the clock jumps by an hour and back during a lease', { ...concurrent, ...long }, async () => {
    const clock = join(folderUntilExit(), 'clock')
    await writeFile(clock, '+0')
    const jumping = await installation.start('serve', {
      ...FAKED,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: '1',
    })
    const sending = sendSlowly(jumping.url, 'while the clock jumps')
    await setTimeout(2000)
    await writeFile(clock, '+1h')
    await expectSkew(jumping.url, '+1h')
    await setTimeout(2000)
    await writeFile(clock, '-1h')
    expect(await sending).toMatchObject({ status: 201 })
    await installation.kill(jumping)
  })

  testVerdict(installation)
}

/** Reads the `Date` header, because without a wrong clock nothing would be tested. */
async function expectSkew(url: string, shift: string): Promise<void> {
  const { headers } = await request(`${url}/ping/`)
  const hours = (Date.parse(String(headers['date'])) - Date.now()) / 3_600_000
  expect(Math.abs(hours - Number.parseInt(shift, 10))).toBeLessThan(0.01)
}
