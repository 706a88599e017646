import { setTimeout } from 'node:timers/promises'
import type { ClientLog } from './client-log.ts'
import type { Installation } from './installation.ts'
import { failed, type Options, type Row } from './part.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

/** One thing that goes wrong, and what is looked at while it does. */
export interface Fault {
  readonly what: string
  /** How often, of what; `once` unless told. */
  readonly tried?: string
  /** Only with --full. */
  readonly isLong?: boolean
  /** It hits all that is there, so that nothing else can be tried beside it. */
  readonly isAlone?: boolean
  /** Notes what it sees. What it throws counts as not promised, too. */
  readonly play: (see: See) => Promise<void>
}

/** Notes what was seen, and whether it was promised. */
export type See = (what: string, isAsPromised: boolean) => void

/** How many faults are played beside each other. */
const AT_ONCE = 4
const NO_LOSS = { lost: 0, doubled: 0, orphaned: 0 }

/** Plays faults on one installation, judges in the end what all of them have left, and closes the installation. */
export async function playFaults(
  name: string,
  faults: readonly Fault[],
  installation: Installation,
  log: ClientLog,
  options: Options,
): Promise<readonly Row[]> {
  const chosen = faults.filter(({ isLong = false }) => options.isFull || !isLong)
  const rows = new Map<Fault, Row>()
  const playNext = async (waiting: Fault[]): Promise<void> => {
    for (let fault = waiting.shift(); fault; fault = waiting.shift()) {
      const row = await playFault(fault)
      options.say(`${row.what}: ${row.outcome}`)
      rows.set(fault, row)
    }
  }
  const together = chosen.filter(({ isAlone = false }) => !isAlone)
  await Promise.all(Array.from({ length: AT_ONCE }, () => playNext(together)))
  await playNext(chosen.filter(({ isAlone = false }) => isAlone))
  const what = `what all that has left (${name})`
  const judge = async (): Promise<Row> => {
    const left = await verdict(installation, log)
    for (const offender of offendersIn(left)) options.say(offender)
    const tried = `${log.uploads.length} uploads, ${log.acknowledged.length} acknowledged`
    return toRow({ what, times: 0, tried, verdict: left })
  }
  const judged = await judge().catch((error: unknown) => failed(what, error))
  const unclosed = await installation.close().then(
    () => [],
    (error: unknown) => [failed(`the end of ${name}`, error)],
  )
  return [...chosen.flatMap((fault) => rows.get(fault) ?? []), judged, ...unclosed]
}

export async function playFault({ what, tried = 'once', play }: Fault): Promise<Row> {
  const seen: string[] = []
  let isAsPromised = true
  const see: See = (sight, isRight) => {
    seen.push(isRight ? sight : `NOT promised: ${sight}`)
    isAsPromised &&= isRight
  }
  await play(see).catch((error: unknown) => see(String(error), false))
  if (seen.length === 0) see('nothing was looked at', false)
  return { what, tried, outcome: seen.join('; '), isAsPromised, counts: { times: 1, ...NO_LOSS } }
}

/** A fault that can't be produced here, with the reason. */
export const notHere = (what: string, why: string): Row => ({
  what,
  tried: 'not tried',
  outcome: `not producible here: ${why}`,
  isAsPromised: true,
  isSkipped: true,
  counts: { times: 0, ...NO_LOSS },
})

/** The same for want of a program, which has to be there where changes are judged. */
export const notInstalled = (what: string, program: string): Row => ({
  ...notHere(what, `${program} is not installed`),
  isAsPromised: !process.env['CI'],
})

/** Waits for something. @returns how many seconds it took; nothing, when it did not happen in time. */
export async function secondsUntil(isSo: () => Promise<boolean>, patience = 30_000): Promise<number | undefined> {
  for (const began = performance.now(); performance.now() - began < patience; await setTimeout(50))
    if (await isSo()) return (performance.now() - began) / 1000
  return undefined
}

/** The same, and notes it. */
export async function seeUntil(see: See, what: string, isSo: () => Promise<boolean>, patience?: number): Promise<void> {
  const seconds = await secondsUntil(isSo, patience)
  see(seconds === undefined ? `not ${what}` : `${what} after ${seconds.toFixed(1)} s`, seconds !== undefined)
}
