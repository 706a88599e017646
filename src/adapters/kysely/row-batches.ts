import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { err, fromThrowable, ok, type Result } from 'neverthrow'
import type { Change } from '../../application/ports/media-repository.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import { unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Intent, Media, Receiving } from '../../domain/media/media.ts'
import type { Database, MediaJobTable } from './database.ts'
import { toMedia, toRow } from './media-row.ts'

export interface Addition {
  readonly intent: Intent
  readonly leaseSeconds: number
}

export interface RowChange {
  readonly id: MediaId
  readonly change: Change<Media, unknown>
}

export type RowOutcome = Result<Media, unknown>

/**
 * Inserts the rows in one statement, which is one commit. They are passed as JSON, so that the statement is the same
 * for any number of rows.
 *
 * @returns For each addition the new row, or `undefined` if its id already exists.
 */
export async function insertRows(
  db: Kysely<Database>,
  additions: readonly Addition[],
): Promise<readonly (Receiving | undefined)[]> {
  const json = JSON.stringify(
    additions.map(({ intent, leaseSeconds }) => ({
      id: intent.id,
      owner: intent.owner,
      attempt: intent.attempt,
      storage: intent.storage,
      storage_key: intent.storageKey,
      filename: intent.filename,
      mime_type: intent.mimeType,
      lease_seconds: leaseSeconds,
    })),
  )
  // Ordered by id, so that two batches with the same ids wait for each other and do not deadlock.
  const { rows } = await sql<InsertedRow>`
    insert into media_job (id, owner, attempt, storage, storage_key, filename, mime_type, state, lease_expires_at)
    select id, owner, attempt, storage, storage_key, filename, mime_type, 'receiving',
      clock_timestamp() + make_interval(secs => lease_seconds)
    from json_to_recordset(${json}::json) as addition (id uuid, owner text, attempt text, storage text,
      storage_key text, filename text, mime_type text, lease_seconds float8)
    order by id
    on conflict (id) do nothing
    returning id, attempt, created_at, lease_expires_at`.execute(db)
  const rowsById = new Map(rows.map((row) => [row.id, row]))
  return additions.map(({ intent }) => {
    const row = rowsById.get(intent.id)
    if (row?.attempt !== intent.attempt) return undefined
    // If two additions have the same id, only the first one added the row.
    rowsById.delete(intent.id)
    return { ...intent, state: 'receiving', createdAt: row.created_at, leaseExpiresAt: row.lease_expires_at }
  })
}

interface InsertedRow extends Pick<Selectable<MediaJobTable>, 'id' | 'attempt' | 'created_at'> {
  readonly lease_expires_at: Date
}

/**
 * Locks the rows, applies each change, writes the rows that changed and adds the events to the outbox, in one
 * transaction.
 *
 * A change that returns an error or throws affects only its own outcome. Several changes skip the rows that another
 * transaction has locked; a single change waits for the lock. The outcome is `undefined` if the row does not exist or
 * was skipped.
 */
export function changeRows(
  db: Kysely<Database>,
  outbox: Outbox<Transaction<Database>>,
  changes: readonly RowChange[],
): Promise<readonly (RowOutcome | undefined)[]> {
  const ids = changes.map(({ id }) => id)
  return db.transaction().execute(async (tx) => {
    const rows = await tx
      .selectFrom('media_job')
      .selectAll()
      .select(sql<Date>`clock_timestamp()`.as('now'))
      .where('id', '=', sql<string>`any(${ids}::uuid[])`)
      .orderBy('id')
      .forUpdate()
      .$if(changes.length > 1, (query) => query.skipLocked())
      .execute()
    const rowsById = new Map(rows.map((row) => [row.id, { media: toMedia(row), now: row.now }]))
    const newRows = new Map<MediaId, Media>()
    const events: MediaEvent[] = []
    const outcomes = changes.map(({ id, change }): RowOutcome | undefined => {
      const row = rowsById.get(id)
      if (!row) return undefined
      // A change that throws must not fail the other changes of the batch.
      const transition = fromThrowable(change, unavailable('database'))(row.media, row.now).andThen((result) => result)
      if (transition.isErr()) return err(transition.error)
      // The next change of this batch to the same row starts from this state.
      row.media = transition.value.media
      newRows.set(id, row.media)
      events.push(...transition.value.events)
      return ok(row.media)
    })
    if (newRows.size > 0) await writeRows(tx, [...newRows.values()])
    if (events.length > 0) await outbox.add(tx, events)
    return outcomes
  })
}

async function writeRows(tx: Transaction<Database>, media: readonly Media[]): Promise<void> {
  const json = JSON.stringify(media.map((item) => ({ id: item.id, ...toRow(item) })))
  await sql`
    update media_job set
      state = changed.state, attempt = changed.attempt, storage = changed.storage, storage_key = changed.storage_key,
      filename = changed.filename, mime_type = changed.mime_type, created_at = changed.created_at,
      lease_expires_at = changed.lease_expires_at, discarded_at = changed.discarded_at, file_id = changed.file_id,
      url = changed.url, size_bytes = changed.size_bytes, sha256 = changed.sha256, fingerprint = changed.fingerprint,
      title = changed.title, tags = changed.tags, version = changed.version
    from json_populate_recordset(null::media_job, ${json}::json) as changed
    where media_job.id = changed.id`.execute(tx)
}

/** @returns For each id the row in any state, or `undefined` if there is none. */
export async function readRows(db: Kysely<Database>, ids: readonly MediaId[]): Promise<readonly (Media | undefined)[]> {
  const rows = await db.selectFrom('media_job').selectAll().where('id', '=', sql<string>`any(${ids}::uuid[])`).execute()
  const mediaById = new Map(rows.map((row) => [row.id, toMedia(row)]))
  return ids.map((id) => mediaById.get(id))
}
