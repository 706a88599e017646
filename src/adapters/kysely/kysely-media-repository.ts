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
import { isRefused, retried } from './failures.ts'
import { type Row, toMedia, toStored } from './media-row.ts'
import { type Addition, changeRows, insertRows, type RowChange, type RowOutcome, readRows } from './row-batches.ts'

/** PostgreSQL reads and writes many rows for the cost of one. Larger batches are not faster. */
const BATCHES = { maxItems: 100 }

/**
 * Rows in PostgreSQL or PGlite, with the clock of the database.
 *
 * Calls of `add`, `update` and `get` that wait at the same time share a statement or a transaction. Each call keeps its own
 * outcome: a batch that the database refuses because of one row is repeated row by row.
 */
export class KyselyMediaRepository implements MediaRepository {
  readonly #db: Kysely<Database>
  readonly #outbox: Outbox<Transaction<Database>>
  readonly #additions = new BatchQueue(
    (additions: readonly Addition[]) => retried(() => insertRows(this.#db, additions)),
    { ...BATCHES, isRefused },
  )
  readonly #changes = new BatchQueue(
    (changes: readonly RowChange[]) => retried(() => changeRows(this.#db, this.#outbox, changes)),
    { ...BATCHES, isRefused },
  )
  readonly #reads = new BatchQueue((ids: readonly MediaId[]) => retried(() => readRows(this.#db, ids)), BATCHES)

  constructor(db: Kysely<Database>, outbox: Outbox<Transaction<Database>>) {
    this.#db = db
    this.#outbox = outbox
  }

  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere | Unavailable> {
    const added = this.#additions.add({ intent, leaseSeconds })
    return ResultAsync.fromPromise(added, unavailable('database')).andThen((receiving) =>
      receiving
        ? ok(receiving)
        : this.get(intent.id)
            .mapErr(gone)
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
    const stored = page.selectAll('media_job').where(sql<boolean>`state = 'stored'`)
    return answer(() => stored.execute()).map((rows) => rows.map(toStored))
  }

  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable> {
    return ResultAsync.fromPromise(this.#change({ id, change }), unavailable('database')).andThen(
      (outcome) => outcome as Result<To, E | NotFound>,
    )
  }

  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable> {
    const renewed = this.#db
      .updateTable('media_job')
      .set({ lease_expires_at: sql<Date>`clock_timestamp() + make_interval(secs => ${leaseSeconds})` })
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', '=', 'receiving')
      .returning('id')
    return answer(() => renewed.executeTakeFirst()).andThen((row) =>
      row ? ok() : err({ type: 'lease-lost' } as const),
    )
  }

  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], Unavailable> {
    // Unlike clock_timestamp(), it can be used in an index condition. It is rounded like the columns.
    const now = sql`statement_timestamp()::timestamptz(3)`
    const due = sql<Row>`(
      select * from media_job
        where (state = 'receiving' and lease_expires_at <= ${now})
          or (state in ('abandoned', 'deleted') and discarded_at is null)
          or (state in ('abandoned', 'deleted') and discarded_at <= ${now} - make_interval(secs => ${forgetAfterSeconds}))
    )`
    // Materialized, because the planner would otherwise scan the primary key for the order by id.
    let rows = this.#db
      .with(
        (cte) => cte('due').materialized(),
        () => due,
      )
      .selectFrom('due')
      .selectAll()
      .orderBy('id')
      .limit(limit)
    if (after !== undefined) rows = rows.where('id', '>', after)
    return answer(() => rows.execute()).map((found) => found.map(toMedia).filter((media) => media.state !== 'stored'))
  }

  forget(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    const removed = this.#db
      .deleteFrom('media_job')
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', 'in', ['abandoned', 'deleted'])
    return answer(() => removed.execute()).map(() => undefined)
  }

  scan(after: MediaId | undefined, limit: number): ResultAsync<readonly Media[], Unavailable> {
    let rows = this.#db.selectFrom('media_job').selectAll().orderBy('id').limit(limit)
    if (after !== undefined) rows = rows.where('id', '>', after)
    return answer(() => rows.execute()).map((found) => found.map(toMedia))
  }

  isUp(): Promise<boolean> {
    const settings = sql<{ isWritable: boolean }>`
      select current_setting('transaction_read_only') = 'off' as "isWritable"`
    return settings.execute(this.#db).then(
      ({ rows: [row] }) => row?.isWritable === true,
      () => false,
    )
  }

  async #change(change: RowChange): Promise<RowOutcome> {
    const together = await this.#changes.add(change)
    if (together) return together
    // Another transaction may have locked the row. Only this change waits for it.
    const [alone] = await retried(() => changeRows(this.#db, this.#outbox, [change]))
    return alone ?? err(NOT_FOUND)
  }
}

const NOT_FOUND = { type: 'not-found' } as const

const answer = <T>(work: () => Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(retried(work), unavailable('database'))

/** The row that had the id is gone. The same call may succeed the next time. */
const gone = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)
