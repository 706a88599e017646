import { setTimeout } from 'node:timers/promises'
import type { ClientLog } from './client-log.ts'
import type { Installation } from './installation.ts'
import { doubled, lost, orphaned } from './judge.ts'
import { digestsOf, look, type Seen } from './look.ts'
import type { Row } from './part.ts'

/** The offenders against the promises, each by name. */
export interface Verdict {
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  readonly orphaned: readonly string[]
  /** Processes that ended by themselves, and answers that nothing explains. */
  readonly wonders: readonly string[]
}

/** The jobs of a process that died are another's after 15 s without a sign of life and a round of 5 s; see PgBossJobs. */
const PATIENCE_MS = 60_000
const LONGEST_MS = 600_000
const LOOK_EVERY_MS = 250

/**
 * Waits until everything is at rest, which is when nothing is left to be put away, and then looks what is there. No client
 * may be under way any more, and at least one process has to run that does jobs.
 * @param patience how long nothing may get better before what is left is taken for left behind, in ms.
 */
export async function verdict(
  installation: Installation,
  log: ClientLog,
  { patience = PATIENCE_MS }: { patience?: number } = {},
): Promise<Verdict> {
  const began = performance.now()
  let until = began + patience
  let seen = await look(installation)
  for (let fewest = orphaned(seen, log).length; fewest > 0 && performance.now() < until; ) {
    await setTimeout(LOOK_EVERY_MS)
    seen = await look(installation)
    const left = orphaned(seen, log).length
    if (left < fewest) until = Math.min(performance.now() + patience, began + LONGEST_MS)
    fewest = Math.min(fewest, left)
  }
  return judge(seen, log, installation.ends)
}

/** @param ends how processes ended by themselves. */
export const judge = async (seen: Seen, log: ClientLog, ends: readonly string[]): Promise<Verdict> => ({
  lost: lost(seen, await digestsOf(seen), log),
  doubled: doubled(seen, log),
  orphaned: orphaned(seen, log),
  wonders: [...ends, ...log.wonders],
})

export interface Judged {
  readonly what: string
  readonly times: number
  /** Of what, beside the times. */
  readonly tried: string
  readonly verdict: Verdict
  /** What else was seen. */
  readonly also?: string
  readonly isRight?: boolean
}

/** A row of the table. */
export function toRow({ what, times, tried, verdict, also, isRight = true }: Judged): Row {
  const { lost, doubled, orphaned, wonders } = verdict
  const counts = { times, lost: lost.length, doubled: doubled.length, orphaned: orphaned.length }
  const sum = `${counts.lost} lost, ${counts.doubled} doubled, ${counts.orphaned} orphaned`
  const outcome = [sum, ...(wonders.length > 0 ? [`${wonders.length} unexpected`] : []), ...(also ? [also] : [])]
  const isClean = lost.length + doubled.length + orphaned.length + wonders.length === 0
  return { what, tried, outcome: outcome.join(', '), isAsPromised: isClean && isRight, counts }
}

/** The offenders' names, or the first of them where they are many. */
export const offendersIn = (verdict: Verdict): readonly string[] =>
  Object.entries(verdict).flatMap(([kind, names]: [string, readonly string[]]) =>
    names.slice(0, 20).map((name) => `${kind}: ${name}`),
  )
