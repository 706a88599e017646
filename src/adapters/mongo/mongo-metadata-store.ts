import { type Collection, MongoClient, MongoServerError } from 'mongodb'
import { ResultAsync } from 'neverthrow'
import type { Described, DocumentRefused, MetadataStore } from '../../application/ports/metadata-store.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { Attempt, MediaId } from '../../domain/media.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { type MediaMetadata, toDocument, toMetadata } from './media-metadata.ts'

const PAGE = 1000
/** Milliseconds: a server that can't be reached is known at once, one that hangs soon. */
const SELECTION_TIMEOUT = 800
const OPERATION_TIMEOUT = 3000
/** Another process has made the document meanwhile, so that the same again replaces it. */
const DUPLICATE_KEY = 11_000
/**
 * What the server says of a document that it will never take: BadValue, DocumentValidationFailure, BSONObjectTooLarge and
 * its older kin (https://www.mongodb.com/docs/manual/reference/error-codes/).
 */
const REFUSALS = new Set<unknown>([2, 121, 10_334, 17_419, 17_420])

/** The documents in MongoDB: the collection `media_metadata`, `_id` the media's id. */
export class MongoMetadataStore implements MetadataStore {
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
    const document = toDocument(attempt, metadata)
    const replace = (documents: Collection<MediaMetadata>) =>
      documents.replaceOne({ _id: id }, document, { upsert: true })
    const save = async (documents: Collection<MediaMetadata>): Promise<unknown> => {
      try {
        return await replace(documents)
      } catch (error) {
        if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return replace(documents)
        throw error
      }
    }
    return ResultAsync.fromPromise(this.#with(save), refusedOrUnavailable).map(() => undefined)
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

  list(after?: MediaId): ResultAsync<readonly Described[], Unavailable> {
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

const refusedOrUnavailable = (cause: unknown): DocumentRefused | Unavailable => {
  const isRefused = cause instanceof MongoServerError ? REFUSALS.has(cause.code) : isUnwritable(cause)
  return isRefused ? { type: 'document-refused', cause } : unavailable('metadata')(cause)
}

/** The driver can't put it into BSON. */
const isUnwritable = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name.startsWith('BSON') || cause instanceof RangeError)
