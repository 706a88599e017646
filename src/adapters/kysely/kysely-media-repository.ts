import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction, type Updateable } from 'kysely'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import type {
  AlreadyThere,
  Change,
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
    return answer(inserted.executeTakeFirst()).andThen((row) =>
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
    const found = this.#db.selectFrom('media_job').selectAll().where('id', '=', id).executeTakeFirst()
    return answer(found).andThen((row) => (row ? ok(toMedia(row)) : err(NOT_FOUND)))
  }

  list({ owner, tag, after, limit }: ListQuery): ResultAsync<readonly Stored[], Unavailable> {
    let query = this.#db.selectFrom('media_job').selectAll().where('state', '=', 'stored')
    if (owner !== undefined) query = query.where('owner', '=', owner)
    if (tag !== undefined) query = query.where(sql<boolean>`tags @> ${[tag]}::text[]`)
    if (after)
      query = query.where(sql<boolean>`(created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)`)
    const page = query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
    return answer(page).map((rows) => rows.map(toStored))
  }

  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable> {
    const changed = this.#db.transaction().execute(async (tx): Promise<Result<To, E | NotFound>> => {
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
    return answer(changed).andThen((result) => result)
  }

  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable> {
    const renewed = this.#db
      .updateTable('media_job')
      .set({ lease_expires_at: lease(leaseSeconds) })
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('state', '=', 'receiving')
      .returning('id')
      .executeTakeFirst()
    return answer(renewed).andThen((row) => (row ? ok() : err({ type: 'lease-lost' } as const)))
  }
}

const NOT_FOUND = { type: 'not-found' } as const

const answer = <T>(work: Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(work, unavailable('database'))

/** The row that stood in the way is no longer there: as good as no answer. */
const gone = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)

const lease = (seconds: number): RawBuilder<Date> => sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`

type Row = Selectable<MediaJobTable>

/** The table's checks see to it that a state has its columns. */
type FullRow = { [Column in keyof Row]: NonNullable<Row[Column]> }

function toMedia(row: Row): Media {
  switch (row.state) {
    case 'receiving':
      return { ...toIntent(row), state: row.state, leaseExpiresAt: (row as FullRow).lease_expires_at }
    case 'stored':
      return toStored(row)
    case 'abandoned':
      return { ...toIntent(row), state: row.state }
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

/** What a transition may change; the intent's columns are written once, by `add`. */
function toRow(media: Media): Updateable<MediaJobTable> {
  const { state } = media
  if (media.state === 'receiving') return { state, lease_expires_at: media.leaseExpiresAt }
  if (media.state === 'abandoned') return { state, lease_expires_at: null }
  const { fileId: file_id, url, sizeBytes: size_bytes, sha256, fingerprint, title, version } = media
  const tags = [...media.tags]
  return { state, lease_expires_at: null, file_id, url, size_bytes, sha256, fingerprint, title, tags, version }
}
