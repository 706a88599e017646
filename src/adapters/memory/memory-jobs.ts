import type { ResultAsync } from 'neverthrow'
import { type Job, jobsOf } from '../../application/jobs.ts'
import { DEFAULT_POLICY } from '../../application/policy.ts'
import type { Unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'

interface Waiting {
  readonly job: Job
  /** When its time has come, in ms since the epoch. */
  readonly due: number
}

/** Jobs in this process's memory. They are done when somebody says so, which is what tests want. */
export class MemoryJobs {
  readonly #forgetAfterSeconds: number
  readonly #waiting: Waiting[] = []

  constructor(forgetAfterSeconds: number = DEFAULT_POLICY.forgetAfterSeconds) {
    this.#forgetAfterSeconds = forgetAfterSeconds
  }

  /** Takes what a `MemoryMediaRepository` tells. */
  readonly publish = (events: readonly MediaEvent[]): void => {
    for (const job of events.flatMap((event) => jobsOf(event, this.#forgetAfterSeconds)))
      this.#waiting.push({ job, due: Date.now() + job.after * 1000 })
  }

  /**
   * Does the jobs whose time has come, and those that they cause, one after the other. One that meets an outage waits for
   * the next call.
   * @param work that of `Mediaport`.
   */
  async run(work: (job: Job) => ResultAsync<void, Unavailable>): Promise<void> {
    const failed: Waiting[] = []
    for (let next = this.#take(); next; next = this.#take()) if ((await work(next.job)).isErr()) failed.push(next)
    this.#waiting.push(...failed)
  }

  #take(): Waiting | undefined {
    const at = this.#waiting.findIndex(({ due }) => due <= Date.now())
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]
  }
}
