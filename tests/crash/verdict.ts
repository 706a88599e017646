import { setTimeout } from 'node:timers/promises'
import type { ClientLog } from './client-log.ts'
import type { Installation } from './installation.ts'
import { doubled, lost, orphaned } from './judge.ts'
import { digestsOf, readStores, type Stores } from './stores.ts'

/** The violations of the guarantees. */
export interface Verdict {
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  readonly orphaned: readonly string[]
  /** Processes that exited without being asked to, and responses that no fault explains. */
  readonly unexpected: readonly string[]
}

/**
 * Jobs of a dead process are given to another one after 15 s without a heartbeat and a round of 5 s; see PgBossJobs.
 */
const TIMEOUT_MS = 60_000
const MAX_MS = 600_000
const READ_EVERY_MS = 250

/**
 * Waits until nothing is left to clean up, then compares the stores with the log. No client may send requests any more,
 * and at least one process must run jobs.
 * @param timeoutMs The time without progress after which the remains count as orphaned.
 */
export async function verdict(installation: Installation, timeoutMs = TIMEOUT_MS): Promise<Verdict> {
  const { log, unexpectedExits } = installation
  const start = performance.now()
  let until = start + timeoutMs
  let stores = await readStores(installation)
  for (let fewest = orphaned(stores, log).length; fewest > 0 && performance.now() < until; ) {
    await setTimeout(READ_EVERY_MS)
    stores = await readStores(installation)
    const left = orphaned(stores, log).length
    if (left < fewest) until = Math.min(performance.now() + timeoutMs, start + MAX_MS)
    fewest = Math.min(fewest, left)
  }
  return judge(stores, log, unexpectedExits)
}

/** @param unexpectedExits The exits of processes that were not asked to exit. */
export const judge = async (stores: Stores, log: ClientLog, unexpectedExits: readonly string[]): Promise<Verdict> => ({
  lost: lost(stores, await digestsOf(stores), log),
  doubled: doubled(stores, log),
  orphaned: orphaned(stores, log),
  unexpected: [...unexpectedExits, ...log.unexpected],
})
