import type { Kysely } from 'kysely'
import { ok, ResultAsync } from 'neverthrow'
import type { Described, DocumentRefused, MetadataStore } from '../../application/ports/metadata-store.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media.ts'
import type { Metadata } from '../../domain/metadata.ts'
import type { Database } from './database.ts'

const PAGE = 1000
/** "Data exception" and "program limit exceeded": https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REFUSED = /^(22|54)/

/** The documents in a table beside the rows, as JSONB. */
export class KyselyMetadataStore implements MetadataStore {
  readonly #db: Kysely<Database>

  constructor(db: Kysely<Database>) {
    this.#db = db
  }

  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable> {
    const row = { attempt, document: JSON.stringify(metadata) }
    const saved = this.#db
      .insertInto('media_metadata')
      .values({ id, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute()
    return ResultAsync.fromPromise(saved, refusedOrUnavailable).map(() => undefined)
  }

  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable> {
    const found = this.#db
      .selectFrom('media_metadata')
      .select('document')
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .executeTakeFirst()
    return ResultAsync.fromPromise(found, unavailable('metadata')).map((row) => row?.document)
  }

  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    const removed = this.#db.deleteFrom('media_metadata').where('id', '=', id).where('attempt', '=', attempt).execute()
    return ResultAsync.fromPromise(removed, unavailable('metadata')).andThen(() => ok())
  }

  list(after?: MediaId): ResultAsync<readonly Described[], Unavailable> {
    const listed = this.#db
      .selectFrom('media_metadata')
      .select(['id', 'attempt'])
      .$if(after !== undefined, (query) => query.where('id', '>', after ?? ''))
      .orderBy('id')
      .limit(PAGE)
      .execute()
    return ResultAsync.fromPromise(listed, unavailable('metadata')).map((rows) =>
      rows.map(({ id, attempt }) => ({ id: id as MediaId, attempt: attempt as Attempt })),
    )
  }
}

const refusedOrUnavailable = (cause: unknown): DocumentRefused | Unavailable =>
  cause instanceof Error && 'code' in cause && REFUSED.test(String(cause.code))
    ? { type: 'document-refused', cause }
    : unavailable('metadata')(cause)
