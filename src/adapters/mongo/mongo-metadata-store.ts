import { type Collection, MongoBulkWriteError, MongoClient, MongoServerError } from 'mongodb'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { BatchQueue } from '../../application/batch-queue.ts'
import type { DescribedFile, DocumentRefused, MetadataStore } from '../../application/ports/metadata-store.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { type MediaMetadata, toDocument, toMetadata } from './media-metadata.ts'

const PAGE_SIZE = 1000
/** Documents that wait at the same time share an insert. */
const BATCH_OPTIONS = { maxItems: 100 }
/** How long an operation waits for a server that cannot be reached. */
const SELECTION_TIMEOUT_MS = 800
/** How long an operation waits for a connection, and for the answer of a server that hangs. */
const OPERATION_TIMEOUT_MS = 3000
/** A document with this `_id` exists. */
const DUPLICATE_KEY_CODE = 11_000
/**
 * The codes with which the server refuses a document that it will always refuse: BadValue, DocumentValidationFailure,
 * BSONObjectTooLarge and the older codes for it (https://www.mongodb.com/docs/manual/reference/error-codes/).
 */
const REFUSAL_CODES = new Set<unknown>([2, 121, 10_334, 17_419, 17_420])

interface Save {
  readonly id: MediaId
  readonly document: ReturnType<typeof toDocument>
}

type SaveResult = Result<void, DocumentRefused | Unavailable>

/**
 * Stores the documents in the MongoDB collection `media_metadata`. `_id` is the id of the media item.
 *
 * @example
 * const metadata = new MongoMetadataStore('mongodb://localhost/app')
 */
export class MongoMetadataStore implements MetadataStore {
  readonly #saves = new BatchQueue(
    (saves: readonly Save[]) => this.#withCollection((documents) => insertOrReplace(documents, saves)),
    { ...BATCH_OPTIONS, isRefused },
  )
  readonly #client: MongoClient
  readonly #database: string

  /**
   * Opens no connection. The first operation connects. If that fails, the next operation tries again.
   *
   * @param url A MongoDB connection string. The database is `mediaport` if it names none.
   * @throws If `url` is invalid.
   */
  constructor(url: string) {
    const [, database = 'mediaport'] = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/.exec(url) ?? []
    this.#database = decodeURIComponent(database)
    this.#client = new MongoClient(url, {
      serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
      connectTimeoutMS: SELECTION_TIMEOUT_MS,
      waitQueueTimeoutMS: OPERATION_TIMEOUT_MS,
      socketTimeoutMS: OPERATION_TIMEOUT_MS,
    })
  }

  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable> {
    // Copied, because the caller may change it before the batch is sent.
    const document = structuredClone(toDocument(attempt, metadata))
    return ResultAsync.fromPromise(this.#saves.add({ id, document }), refusedOrUnavailable).andThen((result) => result)
  }

  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable> {
    // Selects by `_id` only, which every server with this protocol has an index on.
    return this.#run((documents) => documents.findOne({ _id: id })).map((document) =>
      document?.attempt === attempt ? toMetadata(document) : undefined,
    )
  }

  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    return this.#run((documents) => documents.deleteOne({ _id: id, attempt })).map(() => undefined)
  }

  list(after?: MediaId): ResultAsync<readonly DescribedFile[], Unavailable> {
    return this.#run((documents) =>
      documents
        .find(after === undefined ? {} : { _id: { $gt: after } }, { projection: { attempt: 1 } })
        .sort({ _id: 1 })
        .limit(PAGE_SIZE)
        .toArray(),
    ).map((page) => page.map(({ _id, attempt }) => ({ id: _id, attempt })))
  }

  /** Sends a `ping` command. */
  isUp(): Promise<boolean> {
    return this.#withCollection(async (documents) => documents.db.command({ ping: 1 })).then(
      () => true,
      () => false,
    )
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #run<T>(operation: (documents: Collection<MediaMetadata>) => Promise<T>): ResultAsync<T, Unavailable> {
    return ResultAsync.fromPromise(this.#withCollection(operation), unavailable('metadata'))
  }

  /** After a failed connection the client stays closed until `connect` is called. On an open client it does nothing. */
  async #withCollection<T>(operation: (documents: Collection<MediaMetadata>) => Promise<T>): Promise<T> {
    await this.#client.connect()
    return operation(this.#client.db(this.#database).collection('media_metadata'))
  }
}

/**
 * Inserts the documents with one command, which costs the server one flush. Then replaces the documents that already
 * existed, which are few.
 */
async function insertOrReplace(
  documents: Collection<MediaMetadata>,
  saves: readonly Save[],
): Promise<readonly SaveResult[]> {
  const failures = await insert(documents, saves)
  return Promise.all(
    saves.map(async (save, index): Promise<SaveResult> => {
      const code = failures.get(index)
      if (code === undefined) return ok()
      if (code === DUPLICATE_KEY_CODE) return ResultAsync.fromPromise(replace(documents, save), refusedOrUnavailable)
      return err(refusedOrUnavailable(new MongoServerError({ message: 'The document was not inserted.', code })))
    }),
  )
}

/** @returns The error code of each document that was not inserted, by its index. */
async function insert(documents: Collection<MediaMetadata>, saves: readonly Save[]): Promise<Map<number, unknown>> {
  try {
    await documents.insertMany(
      saves.map(({ id, document }) => ({ _id: id, ...document })),
      { ordered: false },
    )
    return new Map()
  } catch (error) {
    // The outcome of each document is known only if there are write errors and the write concern was met.
    if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError()) throw error
    const failures = [error.writeErrors].flat()
    if (failures.length === 0) throw error
    return new Map(failures.map(({ index, code }) => [index, code]))
  }
}

async function replace(documents: Collection<MediaMetadata>, { id, document }: Save): Promise<void> {
  const upsert = () => documents.replaceOne({ _id: id }, document, { upsert: true })
  try {
    await upsert()
  } catch (error) {
    // Two upserts that find no document both insert one, and one of them fails. Its second try replaces the document.
    if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY_CODE)) throw error
    await upsert()
  }
}

const refusedOrUnavailable = (cause: unknown): DocumentRefused | Unavailable =>
  isRefused(cause) ? { type: 'document-refused', cause } : unavailable('metadata')(cause)

/** Whether the server will always refuse the document, or the driver cannot convert it to BSON. */
const isRefused = (cause: unknown): boolean =>
  cause instanceof MongoServerError ? REFUSAL_CODES.has(cause.code) : isUnwritable(cause)

const isUnwritable = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name.startsWith('BSON') || cause instanceof RangeError)
