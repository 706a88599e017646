import { setTimeout } from 'node:timers/promises'
import type { ResultAsync } from 'neverthrow'
import { type Db, fromKysely, PgBoss } from 'pg-boss'
import { JOB_NAMES, type Job, jobsOf } from '../../application/jobs.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import type { Unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'

/** Does one job. Returns the error `unavailable` in an outage. Rejects with any other failure. */
export type Work = (job: Job) => ResultAsync<void, Unavailable>

/** The shape of a Kysely transaction, so that this folder does not depend on Kysely. */
type TransactionLike = Parameters<typeof fromKysely>[0]

/** A job that has failed this many times is moved to the queue `dead-jobs`, where an operator must handle it. */
const MAX_TRIES = 5
/** The death of a process must not use up the tries of its jobs. */
const UNLIMITED_RETRIES = 2 ** 31 - 1
const DEAD_LETTER_QUEUE = 'dead-jobs'
/** If a process dies, another one gets its jobs after this time plus one round of supervision. */
const HEARTBEAT_SECONDS = 15
const SUPERVISE_SECONDS = 5
/**
 * The jobs of a batch are fetched, done and completed together, so that they share statements. After a full batch the
 * next one is fetched at once.
 */
const WORK_OPTIONS = {
  // Storage services limit the rate of deletions.
  'discard-media': { batchSize: 10, pollingIntervalSeconds: 2 },
  // Two batches, so that a slow file delays only one of them. pg-boss expires jobs after 15 minutes: 64 files take
  // less, even at 10 s each, one after another.
  'describe-media': { batchSize: 32, localConcurrency: 2, pollingIntervalSeconds: 3 },
  // A title must be in the cache within a second.
  'cache-title': { batchSize: 100, pollingIntervalSeconds: 0.7 },
} as const satisfies Record<Job['name'], object>

/**
 * Options of pg. A connection is replaced if one of its statements takes longer than `query_timeout` milliseconds. The
 * statements of the queue take less.
 */
const POOL_OPTIONS = { max: 4, query_timeout: 30_000 }
/** How long a job waits for an unavailable service before it returns to the queue, and the pause between its tries. */
const OUTAGE_TIMEOUT_MS = 20_000
const OUTAGE_RETRY_MS = 1_000

/**
 * Stores jobs in the database of the rows, so that a change and its jobs are committed together.
 *
 * @example
 * const jobs = new PgBossJobs('postgres://localhost/app', console.error)
 * await jobs.start()
 * const mediaport = createMediaport({ ...ports, media: new KyselyMediaRepository(db, jobs) })
 * await jobs.work(mediaport.work)
 */
export class PgBossJobs implements Outbox<TransactionLike> {
  readonly #boss: PgBoss
  readonly #stopping = new AbortController()

  /**
   * @param database A connection string, or an embedded database that is shared with the repository.
   * @param onError Called with errors that occur in the background. pg-boss continues after each of them.
   * @param isWorker Whether this process calls `work`. If not, it leaves the supervision of the queues to those that do.
   */
  constructor(database: string | Db, onError: (error: unknown) => void, isWorker = true) {
    this.#boss = new PgBoss({
      ...(typeof database === 'string'
        ? { connectionString: database, ...POOL_OPTIONS }
        : { db: database, backend: 'pglite' }),
      schedule: false,
      // The registry of processes, which nothing reads, would sample the event loop every 20 ms: 0.5 % of a core.
      registerInstance: false,
      supervise: isWorker,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
    })
    this.#boss.on('error', onError)
  }

  /** Creates or updates the tables and queues of pg-boss. Must be called before `add` and `work`. */
  async start(): Promise<void> {
    await this.#boss.start()
    await this.#boss.createQueue(DEAD_LETTER_QUEUE, { retentionSeconds: YEAR_SECONDS })
    for (const name of JOB_NAMES) {
      const options = {
        retryLimit: UNLIMITED_RETRIES,
        retryDelay: 1,
        retryBackoff: true,
        // Projections must be correct a minute after the end of an outage.
        retryDelayMax: 30,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        // A job may wait long: for the time of a second discard, or until a worker starts.
        retentionSeconds: YEAR_SECONDS,
        deleteAfterSeconds: DAY_SECONDS,
        deadLetter: DEAD_LETTER_QUEUE,
      }
      await this.#boss.createQueue(name, options)
      // An earlier version may have created the queue with other options.
      await this.#boss.updateQueue(name, options)
    }
  }

  async add(tx: TransactionLike, events: readonly MediaEvent[]): Promise<void> {
    const byName = Map.groupBy(events.flatMap(jobsOf), (job) => job.name)
    await Promise.all(
      Array.from(byName, ([name, jobs]) => this.#boss.insert(name, jobs.map(toRow), { db: fromKysely(tx) })),
    )
  }

  /** Passes jobs to `work` until `stop` is called. Any number of processes may do jobs at the same time. */
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
          jobs.map(async ({ id, data, retryCount }) => ({ id, ...(await this.#run(work, data, retryCount)) })),
        ),
      )
    }
  }

  /** Waits up to 10 s for the jobs in progress. Other processes take over those that remain. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#boss.stop({ graceful: true, timeout: 10_000, close: true })
  }

  /** An outage does not count as a try. The job waits for its end, and is sent again after `OUTAGE_TIMEOUT_MS`. */
  async #run(work: Work, job: Job, retries: number): Promise<JobResult> {
    try {
      for (const until = performance.now() + OUTAGE_TIMEOUT_MS; ; ) {
        const result = await work(job)
        if (result.isOk()) return { status: 'completed' }
        if (performance.now() > until || this.#stopping.signal.aborted) break
        await setTimeout(OUTAGE_RETRY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      }
      // Sent before the old job is completed. If the process dies in between, the job is done twice. That does no harm.
      await this.#boss.insert(job.name, [toRow({ ...job, afterSeconds: OUTAGE_RETRY_MS / 1000 })])
      return { status: 'completed' }
    } catch (error) {
      // A discard is retried without limit, because its bytes must not stay in the storage.
      const isLastTry = retries >= MAX_TRIES - 1 && job.name !== 'discard-media'
      return { status: isLastTry ? 'deadletter' : 'failed', output: { message: String(error) } }
    }
  }
}

interface JobResult {
  readonly status: 'completed' | 'failed' | 'deadletter'
  readonly output?: object
}

const DAY_SECONDS = 24 * 60 * 60
const YEAR_SECONDS = 365 * DAY_SECONDS

const toRow = (job: Job) => ({ data: job, startAfter: job.afterSeconds })
