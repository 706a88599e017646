import { type Kysely, sql, type Transaction } from 'kysely'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { BatchQueue } from '../../application/batch-queue.ts'
import type {
  AlreadyThere,
  Change,
  Due,
  LeaseLost,
  ListQuery,
  MediaRepository,
  NotFound,
} from '../../application/ports/media-repository.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Intent, Media, Receiving, Stored } from '../../domain/media/media.ts'
import type { Database } from './database.ts'
import { isRefused, withRetries } from './failures.ts'
import { type Row, toMedia, toStored } from './media-row.ts'
import { type Addition, changeRows, insertRows, type RowChange, type RowOutcome, readRows } from './row-batches.ts'

/** PostgreSQL reads or writes many rows in little more time than one. Batches of more than 100 rows are not faster. */
const BATCH_OPTIONS = { maxItems: 100 }

/**
 * Stores the rows in PostgreSQL or PGlite, and uses the clock of the database. `migrate` must have created the tables.
 *
 * Calls of `add`, `update` and `get` that wait at the same time share a statement or a transaction. Each call has its
 * own outcome: if the database refuses a batch because of one row, each row is written alone.
 *
 * @example
 * await migrate(db)
 * const jobs = new PgBossJobs('postgres://localhost/app', console.error)
 * await jobs.start()
 * const media = new KyselyMediaRepository(db, jobs)
 */
export class KyselyMediaRepository implements MediaRepository {
  readonly #db: Kysely<Database>
  readonly #outbox: Outbox<Transaction<Database>>
  readonly #additions = new BatchQueue(
    (additions: readonly Addition[]) => withRetries(() => insertRows(this.#db, additions)),
    { ...BATCH_OPTIONS, isRefused },
  )
  readonly #changes = new BatchQueue(
    (changes: readonly RowChange[]) => withRetries(() => changeRows(this.#db, this.#outbox, changes)),
    { ...BATCH_OPTIONS, isRefused },
  )
  readonly #reads = new BatchQueue(
    (ids: readonly MediaId[]) => withRetries(() => readRows(this.#db, ids)),
    BATCH_OPTIONS,
  )

  /** @param outbox Receives the events in the transaction that writes the rows, and so must use the same database. */
  constructor(db: Kysely<Database>, outbox: Outbox<Transaction<Database>>) {
    this.#db = db
    this.#outbox = outbox
  }

  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere | Unavailable> {
    const addition = this.#additions.add({ intent, leaseSeconds })
    return ResultAsync.fromPromise(addition, unavailable('database')).andThen((receiving) =>
      receiving
        ? ok(receiving)
        : this.get(intent.id)
            .mapErr(toUnavailable)
            .andThen((media) => err({ type: 'already-there', media } as const)),
    )
  }

  get(id: MediaId): ResultAsync<Media, NotFound | Unavailable> {
    return ResultAsync.fromPromise(this.#reads.add(id), unavailable('database')).andThen((media) =>
      media ? ok(media) : err(NOT_FOUND),
    )
  }

  list({ owner, tag, after, limit }: ListQuery): ResultAsync<readonly Stored[], Unavailable> {
    const newest = (table: 'media_job' | 'media_tag') =>
      this.#db.selectFrom(table).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit)
    let page = newest(tag === undefined ? 'media_job' : 'media_tag')
    if (owner !== undefined) page = page.where('owner', '=', owner)
    if (after) page = page.where(sql<boolean>`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`)
    if (tag !== undefined) {
      // An array takes less time to plan than a join.
      const ids = page.select('id').where('tag', '=', tag)
      page = newest('media_job').where(sql<boolean>`id = any (array(${ids}))`)
    }
    // The state is a literal, because a generic plan does not use a partial index for a parameter.
    const query = page.selectAll('media_job').where(sql<boolean>`state = 'stored'`)
    return run(() => query.execute()).map((rows) => rows.map(toStored))
  }

  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable> {
    return ResultAsync.fromPromise(this.#change({ id, change }), unavailable('database')).andThen(
      (outcome) => outcome as Result<To, E | NotFound>,
    )
  }

  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable> {
    const query = this.#db
      .updateTable('media_job')
      .set({ lease_expires_at: sql<Date>`clock_timestamp() + make_interval(secs => ${leaseSeconds})` })
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', '=', 'receiving')
      .returning('id')
    return run(() => query.executeTakeFirst()).andThen((row) => (row ? ok() : err({ type: 'lease-lost' } as const)))
  }

  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], Unavailable> {
    // An index condition can use statement_timestamp(), but not clock_timestamp(). It is rounded like the columns.
    const now = sql`statement_timestamp()::timestamptz(3)`
    const due = sql<Row>`(
      select * from media_job
        where (state = 'receiving' and lease_expires_at <= ${now})
          or (state in ('abandoned', 'deleted') and discarded_at is null)
          or (state in ('abandoned', 'deleted') and discarded_at <= ${now} - make_interval(secs => ${forgetAfterSeconds}))
    )`
    // Materialized, because the planner would otherwise scan the primary key for the order by id.
    let query = this.#db
      .with(
        (cte) => cte('due').materialized(),
        () => due,
      )
      .selectFrom('due')
      .selectAll()
      .orderBy('id')
      .limit(limit)
    if (after !== undefined) query = query.where('id', '>', after)
    return run(() => query.execute()).map((rows) => rows.map(toMedia).filter((media) => media.state !== 'stored'))
  }

  forget(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    const query = this.#db
      .deleteFrom('media_job')
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', 'in', ['abandoned', 'deleted'])
    return run(() => query.execute()).map(() => undefined)
  }

  scan(after: MediaId | undefined, limit: number): ResultAsync<readonly Media[], Unavailable> {
    let query = this.#db.selectFrom('media_job').selectAll().orderBy('id').limit(limit)
    if (after !== undefined) query = query.where('id', '>', after)
    return run(() => query.execute()).map((rows) => rows.map(toMedia))
  }

  isUp(): Promise<boolean> {
    const query = sql<{ isWritable: boolean }>`
      select current_setting('transaction_read_only') = 'off' as "isWritable"`
    return query.execute(this.#db).then(
      ({ rows: [row] }) => row?.isWritable === true,
      () => false,
    )
  }

  async #change(change: RowChange): Promise<RowOutcome> {
    const batchOutcome = await this.#changes.add(change)
    if (batchOutcome) return batchOutcome
    // The row does not exist, or another transaction has locked it. Only this change waits for the lock.
    const [outcome] = await withRetries(() => changeRows(this.#db, this.#outbox, [change]))
    return outcome ?? err(NOT_FOUND)
  }
}

const NOT_FOUND = { type: 'not-found' } as const

const run = <T>(work: () => Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(withRetries(work), unavailable('database'))

/** `add` found a row with this id, and `get` then found none. The same `add` may succeed the next time. */
const toUnavailable = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)
