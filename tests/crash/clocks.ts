/** Clocks of processes that are wrong, or jump: leases are on the database's clock, so nobody is put away too early. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { type Fault, notInstalled, playFaults, type See } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, told, upload } from './told.ts'

/** Debian: faketime. Timers are left alone: they run by a clock that nobody sets. */
const LIBFAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'
const FAKED = { LD_PRELOAD: LIBFAKETIME, DONT_FAKE_MONOTONIC: '1' }

export const clocks: Part = async (options) => {
  if (!existsSync(LIBFAKETIME)) return [notInstalled('clocks that are wrong', 'libfaketime (Debian: faketime)')]
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-clocks-'))
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()
  /** Three leases long, in 64 KiB each half second. */
  const slow = (server: string, title: string) => upload(server, log, { title, size: 900_000, pause: 500 })

  const faults: Fault[] = [
    ...['+1h', '-1h'].map(
      (shift): Fault => ({
        what: `the clock of one of two processes is wrong by ${shift}`,
        async play(see) {
          const skewed = await installation.start('serve', {
            ...FAKED,
            FAKETIME: shift,
          })
          await seeSkew(see, skewed.url, shift)
          const [here, there] = await Promise.all([slow(url, `beside ${shift}`), slow(skewed.url, `with ${shift}`)])
          see(
            `an upload beside it ${inWords(here)}, with it ${inWords(there)}`,
            here.status === 201 && there.status === 201,
          )
          await installation.kill(skewed)
        },
      }),
    ),
    {
      what: 'the clock jumps by an hour and back during a lease',
      isLong: true,
      async play(see) {
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
        await seeSkew(see, jumping.url, '+1h')
        await setTimeout(2000)
        await writeFile(clock, '-1h')
        const answer = await sending
        see(inWords(answer), answer.status === 201)
        await installation.kill(jumping)
      },
    },
  ]
  const rows = await playFaults('clocks', faults, installation, log, options)
  await rm(folder, { recursive: true })
  return rows
}

/** By the date that every answer bears: without it, nothing would have been tried. */
async function seeSkew(see: See, url: string, shift: string): Promise<void> {
  const { headers } = await told(`${url}/ping/`)
  const hours = (Date.parse(String(headers['date'])) - Date.now()) / 3_600_000
  see(`it is ${hours.toFixed(2)} h ahead`, Math.abs(hours - Number.parseInt(shift, 10)) < 0.01)
}

if (import.meta.main) await runAlone(clocks)
