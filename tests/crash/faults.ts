import { setTimeout } from 'node:timers/promises'
import type { ClientLog } from './client-log.ts'
import type { Installation } from './installation.ts'
import { failedRow, type PartOptions, type Row } from './part.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'

/** A fault, and the checks while it occurs. */
export interface Fault {
  readonly what: string
  /** The number of attempts, and of what. Default: `once`. */
  readonly tried?: string
  /** Only with --full. */
  readonly isLong?: boolean
  /** Whether it affects the whole installation, so that no other fault can run at the same time. */
  readonly isAlone?: boolean
  /** Causes the fault and checks the results. An exception counts as a failure. */
  readonly play: (check: Check) => Promise<void>
}

/** Records a result, and whether it is the expected one. */
export type Check = (what: string, passed: boolean) => void

/** The number of faults that run at the same time. */
const AT_ONCE = 4
const NO_LOSS = { lost: 0, doubled: 0, orphaned: 0 }

/** Plays faults on one installation, then checks what all of them have left, and closes the installation. */
export async function playFaults(
  name: string,
  faults: readonly Fault[],
  installation: Installation,
  log: ClientLog,
  options: PartOptions,
): Promise<readonly Row[]> {
  const chosen = faults.filter(({ isLong = false }) => options.isFull || !isLong)
  const rows = new Map<Fault, Row>()
  const playNext = async (waiting: Fault[]): Promise<void> => {
    for (let fault = waiting.shift(); fault; fault = waiting.shift()) {
      const row = await playFault(fault)
      options.report(`${row.what}: ${row.outcome}`)
      rows.set(fault, row)
    }
  }
  const together = chosen.filter(({ isAlone = false }) => !isAlone)
  await Promise.all(Array.from({ length: AT_ONCE }, () => playNext(together)))
  await playNext(chosen.filter(({ isAlone = false }) => isAlone))
  const what = `the state after all faults (${name})`
  const judge = async (): Promise<Row> => {
    const found = await verdict(installation, log)
    for (const violation of violationsIn(found)) options.report(violation)
    const tried = `${log.uploads.length} uploads, ${log.acknowledged.length} acknowledged`
    return toRow({ what, times: 0, tried, verdict: found })
  }
  const judged = await judge().catch((error: unknown) => failedRow(what, error))
  const closeErrors = await installation.close().then(
    () => [],
    (error: unknown) => [failedRow(`the cleanup of ${name}`, error)],
  )
  return [...chosen.flatMap((fault) => rows.get(fault) ?? []), judged, ...closeErrors]
}

export async function playFault({ what, tried = 'once', play }: Fault): Promise<Row> {
  const results: string[] = []
  let passed = true
  const check: Check = (text, isExpected) => {
    results.push(isExpected ? text : `FAILED: ${text}`)
    passed &&= isExpected
  }
  await play(check).catch((error: unknown) => check(String(error), false))
  if (results.length === 0) check('nothing was checked', false)
  return { what, tried, outcome: results.join('; '), passed, counts: { times: 1, ...NO_LOSS } }
}

/** The row of a fault that cannot be produced on this machine. */
export const skippedRow = (what: string, reason: string): Row => ({
  what,
  tried: 'not tried',
  outcome: `skipped: ${reason}`,
  passed: true,
  isSkipped: true,
  counts: { times: 0, ...NO_LOSS },
})

/** The row of a fault that needs a missing program. It fails in CI, where all programs must be installed. */
export const notInstalled = (what: string, program: string): Row => ({
  ...skippedRow(what, `${program} is not installed`),
  passed: !process.env['CI'],
})

/**
 * Waits until a condition is true.
 * @returns The seconds, or undefined after the timeout.
 */
export async function secondsUntil(isTrue: () => Promise<boolean>, timeoutMs = 30_000): Promise<number | undefined> {
  for (const start = performance.now(); performance.now() - start < timeoutMs; await setTimeout(50))
    if (await isTrue()) return (performance.now() - start) / 1000
  return undefined
}

/** Waits until a condition is true and records the result. */
export async function checkUntil(
  check: Check,
  what: string,
  isTrue: () => Promise<boolean>,
  timeoutMs?: number,
): Promise<void> {
  const seconds = await secondsUntil(isTrue, timeoutMs)
  check(seconds === undefined ? `not ${what}` : `${what} after ${seconds.toFixed(1)} s`, seconds !== undefined)
}
