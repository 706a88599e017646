import type { ResultAsync } from 'neverthrow'
import { type Job, jobsOf } from '../../application/jobs.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import type { Unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'

interface WaitingJob {
  readonly job: Job
  /** In milliseconds since the epoch. */
  readonly dueAtMs: number
}

/**
 * Stores jobs in memory until `run` is called. So a test decides when they are done.
 *
 * @example
 * const { jobs, ...ports } = memoryPorts()
 * const mediaport = createMediaport(ports)
 * await jobs.run(mediaport.work)
 */
export class MemoryJobs implements Outbox<undefined, void> {
  readonly #waiting: WaitingJob[] = []

  add(_tx: undefined, events: readonly MediaEvent[]): void {
    for (const job of events.flatMap(jobsOf)) this.#waiting.push({ job, dueAtMs: Date.now() + job.afterSeconds * 1000 })
  }

  /**
   * Does the jobs that are due, and the jobs that follow from them, one after another. A job that fails is done again
   * by the next call.
   *
   * @param work The method `work` of `Mediaport`.
   */
  async run(work: (job: Job) => ResultAsync<void, Unavailable>): Promise<void> {
    const failed: WaitingJob[] = []
    for (let next = this.#takeDue(); next; next = this.#takeDue()) if ((await work(next.job)).isErr()) failed.push(next)
    this.#waiting.push(...failed)
  }

  #takeDue(): WaitingJob | undefined {
    const index = this.#waiting.findIndex(({ dueAtMs }) => dueAtMs <= Date.now())
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0]
  }
}
