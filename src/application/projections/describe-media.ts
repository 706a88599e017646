import { err, ok, ResultAsync, safeTry } from 'neverthrow'
import type { Attempt, MediaId, StorageKey } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import { type Unavailable, unavailable } from '../ports/unavailable.ts'

/** The bytes that are to be described, once they were stored. */
export interface Describable {
  readonly id: MediaId
  readonly attempt: Attempt
}

export type DescribeMedia = (describable: Describable) => ResultAsync<void, Unavailable>

const REFUSED: Metadata = { status: 'failed', reason: 'the store did not take what was read', tags: {} }

/**
 * Makes the metadata store agree with the row: one document about the bytes that it names, none about others. A file that
 * has a document is not read again.
 */
export const describeMedia = ({
  media,
  storages,
  metadata,
  extract,
}: Pick<Ports, 'media' | 'storages' | 'metadata' | 'extract'>): DescribeMedia => {
  /** Nothing, where the file is gone: it was deleted meanwhile, or `doctor` will find it missing. */
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
      for (let seen: StorageKey | undefined; ; ) {
        const row = yield* findRow(media, id)
        if (row?.state !== 'stored') {
          yield* metadata.remove(id, described)
          return ok()
        }
        // Read once more after writing: what was deleted or moved meanwhile may have been cleared away before.
        if (row.storageKey === seen) return ok()
        described = row.attempt
        seen = row.storageKey
        if (yield* metadata.find(id, described)) continue
        const document = yield* read(row)
        if (document) yield* save(row, document)
      }
    })
}

const collect = (body: AsyncIterable<Uint8Array>): ResultAsync<Uint8Array, Unavailable> =>
  ResultAsync.fromPromise(concatenated(body), unavailable('storage'))

async function concatenated(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
