import { type Collection, MongoBulkWriteError, MongoClient, MongoServerError } from 'mongodb'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { BatchQueue } from '../../application/batch-queue.ts'
import type { DescribedFile, DocumentRefused, MetadataStore } from '../../application/ports/metadata-store.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { type MediaMetadata, toDocument, toMetadata } from './media-metadata.ts'

const PAGE = 1000
/** Documents that wait at the same time are inserted together. */
const BATCHES = { maxItems: 100 }
/** Milliseconds: a server that can't be reached is known at once, one that hangs soon. */
const SELECTION_TIMEOUT = 800
const OPERATION_TIMEOUT = 3000
/** There is a document of this media already. */
const DUPLICATE_KEY = 11_000
/**
 * What the server says of a document that it will never take: BadValue, DocumentValidationFailure, BSONObjectTooLarge and
 * its older kin (https://www.mongodb.com/docs/manual/reference/error-codes/).
 */
const REFUSALS = new Set<unknown>([2, 121, 10_334, 17_419, 17_420])

interface Save {
  readonly id: MediaId
  readonly document: ReturnType<typeof toDocument>
}

type Saved = Result<void, DocumentRefused | Unavailable>

/** The documents in MongoDB: the collection `media_metadata`, `_id` the media's id. */
export class MongoMetadataStore implements MetadataStore {
  readonly #saves = new BatchQueue(
    (saves: readonly Save[]) => this.#with((documents) => insertOrReplace(documents, saves)),
    { ...BATCHES, isRefused },
  )
  readonly #client: MongoClient
  readonly #database: string

  /** Connects when it is first used, and again whenever that failed. @param url its database, or else `mediaport`. */
  constructor(url: string) {
    const [, database = 'mediaport'] = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/.exec(url) ?? []
    this.#database = decodeURIComponent(database)
    this.#client = new MongoClient(url, {
      serverSelectionTimeoutMS: SELECTION_TIMEOUT,
      connectTimeoutMS: SELECTION_TIMEOUT,
      waitQueueTimeoutMS: OPERATION_TIMEOUT,
      socketTimeoutMS: OPERATION_TIMEOUT,
    })
  }

  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable> {
    // Copied, because the caller may change it while it waits.
    const document = structuredClone(toDocument(attempt, metadata))
    return ResultAsync.fromPromise(this.#saves.add({ id, document }), refusedOrUnavailable).andThen((saved) => saved)
  }

  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable> {
    // By its id alone, which is an index wherever the protocol is spoken.
    return this.#ask((documents) => documents.findOne({ _id: id })).map((found) =>
      found?.attempt === attempt ? toMetadata(found) : undefined,
    )
  }

  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable> {
    return this.#ask((documents) => documents.deleteOne({ _id: id, attempt })).map(() => undefined)
  }

  list(after?: MediaId): ResultAsync<readonly DescribedFile[], Unavailable> {
    return this.#ask((documents) =>
      documents
        .find(after === undefined ? {} : { _id: { $gt: after } }, { projection: { attempt: 1 } })
        .sort({ _id: 1 })
        .limit(PAGE)
        .toArray(),
    ).map((found) => found.map(({ _id, attempt }) => ({ id: _id, attempt })))
  }

  /** Whether the server answers, asked now. */
  isUp(): Promise<boolean> {
    return this.#with(async (documents) => documents.db.command({ ping: 1 })).then(
      () => true,
      () => false,
    )
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #ask<T>(operation: (documents: Collection<MediaMetadata>) => Promise<T>): ResultAsync<T, Unavailable> {
    return ResultAsync.fromPromise(this.#with(operation), unavailable('metadata'))
  }

  /** A client whose first attempt to connect failed stays closed until it is told to connect; otherwise this does nothing. */
  async #with<T>(operation: (documents: Collection<MediaMetadata>) => Promise<T>): Promise<T> {
    await this.#client.connect()
    return operation(this.#client.db(this.#database).collection('media_metadata'))
  }
}

/**
 * Inserts the documents with one command, then replaces those that exist already. Nearly every document is new, and one
 * insert of many costs the server one flush.
 */
async function insertOrReplace(
  documents: Collection<MediaMetadata>,
  saves: readonly Save[],
): Promise<readonly Saved[]> {
  const failures = await insert(documents, saves)
  return Promise.all(
    saves.map(async (save, index): Promise<Saved> => {
      const code = failures.get(index)
      if (code === undefined) return ok()
      if (code === DUPLICATE_KEY) return ResultAsync.fromPromise(replace(documents, save), refusedOrUnavailable)
      return err(refusedOrUnavailable(new MongoServerError({ message: 'the insert failed', code })))
    }),
  )
}

/** @returns the error code of each document that was not inserted, by its index. */
async function insert(documents: Collection<MediaMetadata>, saves: readonly Save[]): Promise<Map<number, unknown>> {
  try {
    await documents.insertMany(
      saves.map(({ id, document }) => ({ _id: id, ...document })),
      { ordered: false },
    )
    return new Map()
  } catch (error) {
    // Only a list of write errors, without a failed write concern, says how each document fared.
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
    // Two upserts that find no document both insert one. The second try replaces it.
    if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY)) throw error
    await upsert()
  }
}

const refusedOrUnavailable = (cause: unknown): DocumentRefused | Unavailable =>
  isRefused(cause) ? { type: 'document-refused', cause } : unavailable('metadata')(cause)

/** Whether the server, or the driver that can't put it into BSON, will never take a document. */
const isRefused = (cause: unknown): boolean =>
  cause instanceof MongoServerError ? REFUSALS.has(cause.code) : isUnwritable(cause)

const isUnwritable = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name.startsWith('BSON') || cause instanceof RangeError)
