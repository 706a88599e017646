/**
 * Processes whose clocks are wrong or jump. Leases use the clock of the database, so no upload is abandoned too early.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { folderUntilExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { type Check, type Fault, notInstalled, playFaults } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { format, request, upload } from './timed-requests.ts'

/** The Debian package faketime. Timers are not affected, because they use the monotonic clock. */
const LIBFAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
const FAKED = { LD_PRELOAD: LIBFAKETIME, DONT_FAKE_MONOTONIC: '1' }

export const clocks: Part = async (options) => {
  if (!existsSync(LIBFAKETIME)) return [notInstalled('wrong clocks', 'libfaketime (Debian: faketime)')]
  const folder = folderUntilExit()
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()
  /** An upload that lasts three leases: 64 KiB each half second. */
  const slow = (server: string, title: string) => upload(server, log, { title, size: 900_000, pauseMs: 500 })

  const faults: Fault[] = [
    ...['+1h', '-1h'].map(
      (shift): Fault => ({
        what: `the clock of one of two processes is wrong by ${shift}`,
        async play(check) {
          const skewed = await installation.start('serve', {
            ...FAKED,
            FAKETIME: shift,
          })
          await checkSkew(check, skewed.url, shift)
          const [here, there] = await Promise.all([slow(url, `beside ${shift}`), slow(skewed.url, `with ${shift}`)])
          check(
            `an upload to the other process: ${format(here)}, to this one: ${format(there)}`,
            here.status === 201 && there.status === 201,
          )
          await installation.kill(skewed)
        },
      }),
    ),
    {
      what: 'the clock jumps by an hour and back during a lease',
      isLong: true,
      async play(check) {
        const clock = join(folder, 'clock')
        await writeFile(clock, '+0')
        const jumping = await installation.start('serve', {
          ...FAKED,
          FAKETIME_TIMESTAMP_FILE: clock,
          FAKETIME_NO_CACHE: '1',
        })
        const sending = slow(jumping.url, 'while the clock jumps')
        await setTimeout(2000)
        await writeFile(clock, '+1h')
        await checkSkew(check, jumping.url, '+1h')
        await setTimeout(2000)
        await writeFile(clock, '-1h')
        const answer = await sending
        check(format(answer), answer.status === 201)
        await installation.kill(jumping)
      },
    },
  ]
  const rows = await playFaults('clocks', faults, installation, log, options)
  return rows
}

/** Reads the `Date` header, because without a wrong clock nothing would be tested. */
async function checkSkew(check: Check, url: string, shift: string): Promise<void> {
  const { headers } = await request(`${url}/ping/`)
  const hours = (Date.parse(String(headers['date'])) - Date.now()) / 3_600_000
  check(`it is ${hours.toFixed(2)} h ahead`, Math.abs(hours - Number.parseInt(shift, 10)) < 0.01)
}
