import { type Kysely, sql } from 'kysely'
import { ok, ResultAsync } from 'neverthrow'
import { BatchQueue } from '../../application/batch-queue.ts'
import type { DescribedFile, DocumentRefused, MetadataStore } from '../../application/ports/metadata-store.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import type { Database } from './database.ts'
import { isRefused, withRetries } from './failures.ts'

const PAGE_SIZE = 1000
/** "Data exception" and "program limit exceeded": https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REFUSAL_CODES = /^(22|54)/

/** Calls that wait at the same time share a statement. */
const BATCH_OPTIONS = { maxItems: 100 }

interface Save {
  readonly id: MediaId
  /** `{ id, attempt, document }` as JSON. */
  readonly row: string
}

/**
 * Stores the documents as `jsonb` in the table `media_metadata`. `migrate` must have created it.
 *
 * @example
 * await migrate(db)
 * const metadata = new KyselyMetadataStore(db)
 */
export class KyselyMetadataStore implements MetadataStore {
  readonly #db: Kysely<Database>
  readonly #saves = new BatchQueue((saves: readonly Save[]) => withRetries(() => this.#saveAll(saves)), {
    ...BATCH_OPTIONS,
    isRefused,
  })
  readonly #reads = new BatchQueue((ids: readonly MediaId[]) => withRetries(() => this.#findAll(ids)), BATCH_OPTIONS)

  constructor(db: Kysely<Database>) {
    this.#db = db
  }

  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable> {
    const row = JSON.stringify({ id, attempt, document: metadata })
    return ResultAsync.fromPromise(this.#saves.add({ id, row }), refusedOrUnavailable)
  }

  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable> {
    return ResultAsync.fromPromise(this.#reads.add(id), unavailable('metadata')).map((row) =>
      row?.attempt === attempt ? row.document : undefined,
    )
  }

  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    const rows = this.#db.deleteFrom('media_metadata').where('id', '=', id).where('attempt', '=', attempt).execute()
    return ResultAsync.fromPromise(rows, unavailable('metadata')).andThen(() => ok())
  }

  list(after?: MediaId): ResultAsync<readonly DescribedFile[], Unavailable> {
    const page = this.#db
      .selectFrom('media_metadata')
      .select(['id', 'attempt'])
      .$if(after !== undefined, (query) => query.where('id', '>', after ?? ''))
      .orderBy('id')
      .limit(PAGE_SIZE)
      .execute()
    return ResultAsync.fromPromise(page, unavailable('metadata')).map((rows) =>
      rows.map(({ id, attempt }) => ({ id: id as MediaId, attempt: attempt as Attempt })),
    )
  }

  async #saveAll(saves: readonly Save[]): Promise<readonly undefined[]> {
    // One statement cannot write a row twice, so only the last document of each media item is written.
    const rows = [...new Map(saves.map(({ id, row }) => [id, row])).values()]
    // Ordered by id, so that two batches with the same ids wait for each other and do not deadlock.
    await sql`
      insert into media_metadata (id, attempt, document)
      select id, attempt, document
      from json_to_recordset(${`[${rows.join()}]`}::json) as saved (id uuid, attempt text, document jsonb)
      order by id
      on conflict (id) do update set attempt = excluded.attempt, document = excluded.document`.execute(this.#db)
    return saves.map(() => undefined)
  }

  async #findAll(ids: readonly MediaId[]) {
    const rows = await this.#db
      .selectFrom('media_metadata')
      .selectAll()
      .where('id', '=', sql<string>`any(${ids}::uuid[])`)
      .execute()
    const rowsById = new Map<string, (typeof rows)[number]>(rows.map((row) => [row.id, row]))
    return ids.map((id) => rowsById.get(id))
  }
}

const refusedOrUnavailable = (cause: unknown): DocumentRefused | Unavailable =>
  cause instanceof Error && 'code' in cause && REFUSAL_CODES.test(String(cause.code))
    ? { type: 'document-refused', cause }
    : unavailable('metadata')(cause)
