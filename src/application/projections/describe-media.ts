import { err, ok, ResultAsync, safeTry } from 'neverthrow'
import type { Attempt, MediaId, StorageKey } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import { type Unavailable, unavailable } from '../ports/unavailable.ts'

/** The attempt whose bytes are to be described. */
export interface AttemptRef {
  readonly id: MediaId
  readonly attempt: Attempt
}

/**
 * Makes the metadata store agree with the row: there is one document about the file that the row names, and none about
 * others. A file that has a document is not read again.
 */
export type DescribeMedia = (file: AttemptRef) => ResultAsync<void, Unavailable>

const REFUSED: Metadata = { status: 'failed', reason: 'The metadata store refused the document.', tags: {} }

export const describeMedia = ({
  media,
  storages,
  metadata,
  extract,
}: Pick<Ports, 'media' | 'storages' | 'metadata' | 'extract'>): DescribeMedia => {
  /** Returns `undefined` if the file is missing: the media item was deleted, or `doctor` will report it. */
  const read = (row: Stored): ResultAsync<Metadata | undefined, Unavailable> =>
    findStorage(storages, row.storage)
      .asyncAndThen((storage) =>
        extract({
          contentType: row.mimeType,
          size: row.sizeBytes,
          read: (range) => storage.open(row.storageKey, range).andThen(collect),
        }),
      )
      .map((document): Metadata | undefined => document)
      .orElse((error) => (error.type === 'file-missing' ? ok(undefined) : err(error)))

  const save = ({ id, attempt }: Stored, document: Metadata): ResultAsync<void, Unavailable> =>
    metadata
      .save(id, attempt, document)
      .orElse((error) => (error.type === 'unavailable' ? err(error) : metadata.save(id, attempt, REFUSED)))
      .mapErr((error) => (error.type === 'unavailable' ? error : unavailable('metadata')(error.cause)))

  return ({ id, attempt }) =>
    safeTry(async function* () {
      let described = attempt
      for (let describedKey: StorageKey | undefined; ; ) {
        const row = yield* findRow(media, id)
        if (row?.state !== 'stored') {
          yield* metadata.remove(id, described)
          return ok()
        }
        // Re-read after writing: a deletion or move in between may have removed the document before it was written.
        if (row.storageKey === describedKey) return ok()
        described = row.attempt
        describedKey = row.storageKey
        if (yield* metadata.find(id, described)) continue
        const document = yield* read(row)
        if (document) yield* save(row, document)
      }
    })
}

const collect = (body: AsyncIterable<Uint8Array>): ResultAsync<Uint8Array, Unavailable> =>
  ResultAsync.fromPromise(concatenate(body), unavailable('storage'))

async function concatenate(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
