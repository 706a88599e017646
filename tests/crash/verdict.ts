import { setTimeout } from 'node:timers/promises'
import type { ClientLog } from './client-log.ts'
import type { Installation } from './installation.ts'
import { doubled, lost, orphaned } from './judge.ts'
import { digestsOf, look } from './look.ts'

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
const LOOK_EVERY_MS = 250

/**
 * Waits until everything is at rest, which is when nothing is left to be put away, and then looks what is there. No client
 * may be under way any more, and at least one process has to run that does jobs.
 */
export async function verdict(
  installation: Installation,
  log: ClientLog,
  { patience = PATIENCE_MS }: { patience?: number } = {},
): Promise<Verdict> {
  for (const until = performance.now() + patience; ; await setTimeout(LOOK_EVERY_MS)) {
    const seen = await look(installation)
    const left = orphaned(seen, log)
    if (left.length > 0 && performance.now() < until) continue
    return {
      lost: lost(seen, await digestsOf(seen), log),
      doubled: doubled(seen, log),
      orphaned: left,
      wonders: [...installation.ends, ...log.wonders],
    }
  }
}
