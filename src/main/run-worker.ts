import type { PgBossJobs } from '../adapters/pg-boss/pg-boss-jobs.ts'
import type { Mediaport } from '../application/mediaport.ts'
import type { OnTrouble } from './connections.ts'

/**
 * Starts doing jobs, and runs the reaper every `reapEverySeconds`. Any number of processes may do so at the same time.
 *
 * @returns A function that stops the reaper. Jobs stop when `jobs` is stopped.
 */
export async function runWorker(
  mediaport: Mediaport,
  jobs: PgBossJobs,
  reapEverySeconds: number,
  onTrouble: OnTrouble,
): Promise<() => void> {
  await jobs.work(mediaport.work)
  let isReaping = false
  const reap = async (): Promise<void> => {
    if (isReaping) return
    isReaping = true
    const result = await mediaport.reapUploads()
    if (result.isErr()) onTrouble(result.error.cause, 'uploads could not be reaped; trying again')
    isReaping = false
  }
  const timer = setInterval(() => void reap(), reapEverySeconds * 1000)
  return () => clearInterval(timer)
}
