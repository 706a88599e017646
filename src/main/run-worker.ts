import type { PgBossJobs } from '../adapters/pg-boss/pg-boss-jobs.ts'
import type { Mediaport } from '../application/mediaport.ts'
import type { OnTrouble } from './connections.ts'

/**
 * Does jobs as they come, and moves on what only time can. Any number of processes may do so at once.
 * @returns stops reaping; jobs stop with their queue.
 */
export async function runWorker(
  mediaport: Mediaport,
  jobs: PgBossJobs,
  reapEverySeconds: number,
  onTrouble: OnTrouble,
): Promise<() => void> {
  await jobs.work(mediaport.work)
  let reaping = false
  const reap = async (): Promise<void> => {
    if (reaping) return
    reaping = true
    const reaped = await mediaport.reapUploads()
    if (reaped.isErr()) onTrouble(reaped.error.cause, 'uploads could not be reaped; trying again')
    reaping = false
  }
  const timer = setInterval(() => void reap(), reapEverySeconds * 1000)
  return () => clearInterval(timer)
}
