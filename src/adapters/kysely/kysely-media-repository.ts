import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction, type Updateable } from 'kysely'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import type {
  AlreadyThere,
  Change,
  Due,
  LeaseLost,
  ListQuery,
  MediaRepository,
  NotFound,
} from '../../application/ports/media-repository.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { ContentType } from '../../domain/content-type.ts'
import type { Sha256 } from '../../domain/digest.ts'
import type { FileName } from '../../domain/file-name.ts'
import type { Attempt, Intent, Media, MediaEvent, MediaId, Receiving, StorageKey, Stored } from '../../domain/media.ts'
import type { Tag } from '../../domain/tag.ts'
import type { Title } from '../../domain/title.ts'
import type { Database, MediaJobTable } from './database.ts'

/** Delivers events within the transaction that wrote what they tell of. */
export type Publish = (tx: Transaction<Database>, events: readonly MediaEvent[]) => Promise<void>

/** The rows in PostgreSQL, or in PGlite, which is PostgreSQL in this process. The clock is the database's. */
export class KyselyMediaRepository implements MediaRepository {
  readonly #db: Kysely<Database>
  readonly #publish: Publish

  constructor(db: Kysely<Database>, publish: Publish = async () => {}) {
    this.#db = db
    this.#publish = publish
  }

  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere | Unavailable> {
    const { id, owner, attempt, storage, storageKey: storage_key, filename, mimeType: mime_type } = intent
    const inserted = this.#db
      .insertInto('media_job')
      .values({
        id,
        owner,
        attempt,
        storage,
        storage_key,
        filename,
        mime_type,
        state: 'receiving',
        tags: [],
        version: 0,
        lease_expires_at: lease(leaseSeconds),
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning(['created_at', 'lease_expires_at'])
    return answer(() => inserted.executeTakeFirst()).andThen((row) =>
      row?.lease_expires_at
        ? ok({
            ...intent,
            state: 'receiving',
            createdAt: row.created_at,
            leaseExpiresAt: row.lease_expires_at,
          } as const)
        : this.get(id)
            .mapErr(gone)
            .andThen((media) => err({ type: 'already-there', media } as const)),
    )
  }

  get(id: MediaId): ResultAsync<Media, NotFound | Unavailable> {
    const row = this.#db.selectFrom('media_job').selectAll().where('id', '=', id)
    return answer(() => row.executeTakeFirst()).andThen((row) => (row ? ok(toMedia(row)) : err(NOT_FOUND)))
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
    // A state is a literal, because a generic plan can't tell that a parameter fits a partial index.
    const stored = page.selectAll('media_job').where(sql<boolean>`state = 'stored'`)
    return answer(() => stored.execute()).map((rows) => rows.map(toStored))
  }

  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable> {
    return answer(() => this.#change(id, change)).andThen((result) => result)
  }

  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable> {
    const renewed = this.#db
      .updateTable('media_job')
      .set({ lease_expires_at: lease(leaseSeconds) })
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', '=', 'receiving')
      .returning('id')
    return answer(() => renewed.executeTakeFirst()).andThen((row) =>
      row ? ok() : err({ type: 'lease-lost' } as const),
    )
  }

  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], Unavailable> {
    // A stable clock, unlike clock_timestamp(), can be looked up in an index. It is rounded as the columns are.
    const now = sql`statement_timestamp()::timestamptz(3)`
    const due = sql<Row>`(
      select * from media_job
        where (state = 'receiving' and lease_expires_at <= ${now})
          or (state in ('abandoned', 'deleted') and discarded_at is null)
          or (state in ('abandoned', 'deleted') and discarded_at <= ${now} - make_interval(secs => ${forgetAfterSeconds}))
    )`
    // Materialized, because the planner would walk the primary key to the end for an order by id with a limit.
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

  #change<To extends Media, E>(id: MediaId, change: Change<To, E>): Promise<Result<To, E | NotFound>> {
    return this.#db.transaction().execute(async (tx): Promise<Result<To, E | NotFound>> => {
      const row = await tx
        .selectFrom('media_job')
        .selectAll()
        .select(sql<Date>`clock_timestamp()`.as('now'))
        .where('id', '=', id)
        .forUpdate()
        .executeTakeFirst()
      if (!row) return err(NOT_FOUND)
      const transition = change(toMedia(row), row.now)
      if (transition.isErr()) return err(transition.error)
      const { media, events } = transition.value
      await tx.updateTable('media_job').set(toRow(media)).where('id', '=', id).execute()
      await this.#publish(tx, events)
      return ok(media)
    })
  }
}

/** Serialization failure and deadlock (PostgreSQL, appendix A): rolled back for certain, and likely to succeed now. */
const TRY_AGAIN = new Set(['40001', '40P01'])
const TRIES = 3

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (tries === TRIES || !TRY_AGAIN.has(code)) throw error
    }
  }
}

const NOT_FOUND = { type: 'not-found' } as const

const answer = <T>(work: () => Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(retried(work), unavailable('database'))

/** The row that stood in the way is no longer there: as good as no answer. */
const gone = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)

const lease = (seconds: number): RawBuilder<Date> => sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`

type Row = Selectable<MediaJobTable>

/** The table's checks see to it that a state has its columns. */
type FullRow = { [Column in keyof Row]: NonNullable<Row[Column]> }

function toMedia(row: Row): Media {
  const { state, version } = row
  switch (state) {
    case 'receiving':
      return { ...toIntent(row), state, leaseExpiresAt: (row as FullRow).lease_expires_at }
    case 'stored':
      return toStored(row)
    case 'abandoned':
    case 'deleted':
      return { ...toIntent(row), state, version, discardedAt: row.discarded_at ?? undefined }
  }
}

function toStored(row: Row): Stored {
  const full = row as FullRow
  return {
    ...toIntent(row),
    state: 'stored',
    fileId: full.file_id,
    url: full.url,
    sizeBytes: Number(full.size_bytes),
    sha256: full.sha256 as Sha256,
    fingerprint: full.fingerprint as Sha256,
    title: full.title as Title,
    tags: full.tags as Tag[],
    version: full.version,
  }
}

const toIntent = (row: Row): Intent & { createdAt: Date } => ({
  id: row.id as MediaId,
  owner: row.owner,
  attempt: row.attempt as Attempt,
  storage: row.storage,
  storageKey: row.storage_key as StorageKey,
  filename: row.filename as FileName,
  mimeType: row.mime_type as ContentType,
  createdAt: row.created_at,
})

/** All columns but id and owner, which never change; what the state does not have is cleared. */
function toRow(media: Media): Updateable<MediaJobTable> {
  const {
    state,
    attempt,
    storage,
    storageKey: storage_key,
    filename,
    mimeType: mime_type,
    createdAt: created_at,
  } = media
  const row = { ...EMPTY, state, attempt, storage, storage_key, filename, mime_type, created_at }
  if (media.state === 'receiving') return { ...row, lease_expires_at: media.leaseExpiresAt }
  const { version } = media
  if (media.state !== 'stored') return { ...row, version, discarded_at: media.discardedAt ?? null }
  const { fileId: file_id, url, sizeBytes: size_bytes, sha256, fingerprint, title } = media
  return { ...row, file_id, url, size_bytes, sha256, fingerprint, title, tags: [...media.tags], version }
}

const EMPTY = {
  lease_expires_at: null,
  discarded_at: null,
  file_id: null,
  url: null,
  size_bytes: null,
  sha256: null,
  fingerprint: null,
  title: null,
  tags: [],
  version: 0,
} satisfies Updateable<MediaJobTable>
