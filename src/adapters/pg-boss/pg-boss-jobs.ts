import { setTimeout } from 'node:timers/promises'
import type { ResultAsync } from 'neverthrow'
import { type Db, fromKysely, PgBoss } from 'pg-boss'
import { JOB_NAMES, type Job, jobsOf } from '../../application/jobs.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import type { Unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'

/** Does one job. Errs with `unavailable` in an outage, and throws everything else. */
export type Work = (job: Job) => ResultAsync<void, Unavailable>

/** A Kysely transaction, by its shape. This folder does not depend on Kysely. */
type TransactionLike = Parameters<typeof fromKysely>[0]

/** A job that has thrown so often is moved to the queue `dead-jobs`. An operator must look at it. */
const TRIES = 5
/** A job is retried without limit when its process dies. */
const UNLIMITED = 2 ** 31 - 1
const DEAD = 'dead-jobs'
/** The job of a process that died goes to another process after this time and one round of supervision. */
const HEARTBEAT_SECONDS = 15
const SUPERVISE_SECONDS = 5
/**
 * How jobs are fetched. The jobs of a batch are fetched, done and completed together, so their statements share round
 * trips. After a full batch the next one is fetched at once.
 */
const WORK_OPTIONS = {
  // Storage services limit the rate of deletions.
  'discard-media': { batchSize: 10, pollingIntervalSeconds: 2 },
  // Two batches, so that a slow file delays only one. Even if each of 64 files takes 10 s, one after the other, no job
  // expires: that is after 15 minutes.
  'describe-media': { batchSize: 32, localConcurrency: 2, pollingIntervalSeconds: 2 },
  // A title must be in the cache within a second.
  'cache-title': { batchSize: 100, pollingIntervalSeconds: 0.7 },
} as const satisfies Record<Job['name'], object>

/** Of pg. A connection whose statement takes longer, in milliseconds, is replaced. The queue's own statements are faster. */
const POOL = { max: 4, query_timeout: 30_000 }
/** How long a job waits for a service that does not answer before it returns to the queue, and how often it retries. */
const OUTAGE_TIMEOUT_MS = 20_000
const OUTAGE_RETRY_MS = 1_000

/** Jobs in the database of the rows, so that they are committed with the change that causes them. */
export class PgBossJobs implements Outbox<TransactionLike> {
  readonly #boss: PgBoss
  readonly #stopping = new AbortController()

  /** @param database A connection string, or an embedded database that is shared. */
  constructor(database: string | Db, onError: (error: unknown) => void) {
    this.#boss = new PgBoss({
      ...(typeof database === 'string' ? { connectionString: database, ...POOL } : { db: database, backend: 'pglite' }),
      schedule: false,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
    })
    this.#boss.on('error', onError)
  }

  /** Creates or updates the tables and queues. Must be called before `add`. */
  async start(): Promise<void> {
    await this.#boss.start()
    await this.#boss.createQueue(DEAD, { retentionSeconds: YEAR })
    for (const name of JOB_NAMES) {
      const options = {
        retryLimit: UNLIMITED,
        retryDelay: 1,
        retryBackoff: true,
        // Projections must be correct a minute after the end of an outage.
        retryDelayMax: 30,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        // Jobs may wait long: for the second discard, or for a worker to start.
        retentionSeconds: YEAR,
        deleteAfterSeconds: DAY,
        deadLetter: DEAD,
      }
      await this.#boss.createQueue(name, options)
      // A queue of an earlier version has other options.
      await this.#boss.updateQueue(name, options)
    }
  }

  async add(tx: TransactionLike, events: readonly MediaEvent[]): Promise<void> {
    const byName = Map.groupBy(events.flatMap(jobsOf), (job) => job.name)
    await Promise.all(
      Array.from(byName, ([name, ofName]) => this.#boss.insert(name, ofName.map(toRow), { db: fromKysely(tx) })),
    )
  }

  /** Does jobs until `stop`. */
  async work(work: Work): Promise<void> {
    for (const name of JOB_NAMES) {
      const options = {
        ...WORK_OPTIONS[name],
        burstWhenBatchFull: true,
        heartbeatRefreshSeconds: HEARTBEAT_SECONDS / 3,
        perJobResults: true,
        includeMetadata: true,
      } as const
      await this.#boss.work<Job, unknown, typeof options>(name, options, async (jobs) =>
        Promise.all(
          jobs.map(async ({ id, data, retryCount }) => ({ id, ...(await this.#do(work, data, retryCount)) })),
        ),
      )
    }
  }

  /** Waits up to 10 s for jobs in progress. Other processes take over those that are not done. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#boss.stop({ graceful: true, timeout: 10_000, close: true })
  }

  /** An outage does not count as a failed try. The job waits for its end. After `OUTAGE_TIMEOUT_MS` it is sent again. */
  async #do(work: Work, job: Job, retries: number): Promise<Done> {
    try {
      for (const until = performance.now() + OUTAGE_TIMEOUT_MS; ; ) {
        const done = await work(job)
        if (done.isOk()) return { status: 'completed' }
        if (performance.now() > until || this.#stopping.signal.aborted) break
        await setTimeout(OUTAGE_RETRY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      }
      // Sent before the old job is completed. A crash in between leaves both, which does no harm.
      await this.#boss.insert(job.name, [toRow({ ...job, afterSeconds: OUTAGE_RETRY_MS / 1000 })])
      return { status: 'completed' }
    } catch (error) {
      // A discard is retried without limit, because its bytes must be deleted in the end.
      const isHopeless = retries >= TRIES - 1 && job.name !== 'discard-media'
      return { status: isHopeless ? 'deadletter' : 'failed', output: { message: String(error) } }
    }
  }
}

interface Done {
  readonly status: 'completed' | 'failed' | 'deadletter'
  readonly output?: object
}

const DAY = 24 * 60 * 60
const YEAR = 365 * DAY

const toRow = (job: Job) => ({ data: job, startAfter: job.afterSeconds })
