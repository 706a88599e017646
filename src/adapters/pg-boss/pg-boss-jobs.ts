import { setTimeout } from 'node:timers/promises'
import type { ResultAsync } from 'neverthrow'
import { type Db, fromKysely, PgBoss } from 'pg-boss'
import { JOB_NAMES, type Job } from '../../application/jobs.ts'
import type { Unavailable } from '../../application/ports/unavailable.ts'

/** Does one job; an outage is told as `unavailable`, everything else that goes wrong is thrown. */
export type Work = (job: Job) => ResultAsync<void, Unavailable>

/** A Kysely transaction, by its shape alone: this folder needs no Kysely. */
type TransactionLike = Parameters<typeof fromKysely>[0]

/** A job that throws when it was tried so often is not tried again, but kept in `dead-jobs` for somebody to look at. */
const TRIES = 5
/** That a process dies again and again is no fault of its jobs. */
const FOR_EVER = 2 ** 31 - 1
const DEAD = 'dead-jobs'
/** A job of a process that died is given to another after this and one round of supervision, in seconds. */
const HEARTBEAT = 15
const SUPERVISE_EVERY = 5
/**
 * How jobs of each name are taken from their queue. The jobs of a batch are fetched, done and completed together, so that
 * what they read and write shares round trips. A full batch is followed by the next one at once.
 */
const WORK_OPTIONS = {
  // A storage elsewhere limits how many deletions it takes.
  'discard-media': { batchSize: 10, pollingIntervalSeconds: 2 },
  // Two batches, so that a slow file delays only its own. All 64 files may take 10 s each, one after the other, before
  // their jobs expire after 15 minutes.
  'describe-media': { batchSize: 32, localConcurrency: 2, pollingIntervalSeconds: 2 },
  // A title must be in its cache within a second.
  'cache-title': { batchSize: 100, pollingIntervalSeconds: 0.7 },
} as const satisfies Record<Job['name'], object>

/**
 * Of pg's pools: a connection whose statement takes longer is taken to have fallen silent, and replaced. Longer than any
 * of the queue's own statements needs, in ms.
 */
const POOL = { max: 4, query_timeout: 30_000 }
/** How long a job waits for what does not answer before it goes back to the queue, and how often it looks, in ms. */
const OUTAGE_PATIENCE = 20_000
const OUTAGE_RETRY = 1_000

/** Jobs in the database of the rows, so that they are written in the same transaction as what causes them. */
export class PgBossJobs {
  readonly #boss: PgBoss
  readonly #stopping = new AbortController()

  /** @param database a connection string, or an embedded database that others use, too. */
  constructor(database: string | Db, onError: (error: unknown) => void) {
    this.#boss = new PgBoss({
      ...(typeof database === 'string' ? { connectionString: database, ...POOL } : { db: database, backend: 'pglite' }),
      schedule: false,
      superviseIntervalSeconds: SUPERVISE_EVERY,
      monitorIntervalSeconds: SUPERVISE_EVERY,
    })
    this.#boss.on('error', onError)
  }

  /** Makes the tables and queues, or brings them up to date. Before it, nothing can be published. */
  async start(): Promise<void> {
    await this.#boss.start()
    await this.#boss.createQueue(DEAD, { retentionSeconds: YEAR })
    for (const name of JOB_NAMES) {
      const options = {
        retryLimit: FOR_EVER,
        retryDelay: 1,
        retryBackoff: true,
        // Projections are to be right a minute after all is well again.
        retryDelayMax: 30,
        heartbeatSeconds: HEARTBEAT,
        // Jobs may wait long: for a second discard, or until workers are started again.
        retentionSeconds: YEAR,
        deleteAfterSeconds: DAY,
        deadLetter: DEAD,
      }
      await this.#boss.createQueue(name, options)
      // One that an earlier version made has other options.
      await this.#boss.updateQueue(name, options)
    }
  }

  /** Writes the jobs with `tx`: they are there if and when it commits. */
  async publish(tx: TransactionLike, jobs: readonly Job[]): Promise<void> {
    const byName = Map.groupBy(jobs, (job) => job.name)
    await Promise.all(
      Array.from(byName, ([name, ofName]) => this.#boss.insert(name, ofName.map(toRow), { db: fromKysely(tx) })),
    )
  }

  /** Does the jobs as they come, until `stop`. */
  async work(work: Work): Promise<void> {
    for (const name of JOB_NAMES) {
      const options = {
        ...WORK_OPTIONS[name],
        burstWhenBatchFull: true,
        heartbeatRefreshSeconds: HEARTBEAT / 3,
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

  /** Waits for jobs under way, which others take over when they are not done in time. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#boss.stop({ graceful: true, timeout: 10_000, close: true })
  }

  /** An outage is no failed attempt: the job waits for its end, and when that takes long, it is sent again. */
  async #do(work: Work, job: Job, retries: number): Promise<Done> {
    try {
      for (const until = performance.now() + OUTAGE_PATIENCE; ; ) {
        const done = await work(job)
        if (done.isOk()) return { status: 'completed' }
        if (performance.now() > until || this.#stopping.signal.aborted) break
        await setTimeout(OUTAGE_RETRY, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      }
      // Sent before the old one is completed: a crash between leaves two, which do no harm.
      await this.#boss.insert(job.name, [toRow({ ...job, after: OUTAGE_RETRY / 1000 })])
      return { status: 'completed' }
    } catch (error) {
      // Bytes that nobody wants have to go in the end, whatever is in the way of it.
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

const toRow = (job: Job) => ({ data: job, startAfter: job.after })
