import { err, ok, type ResultAsync, safeTry } from 'neverthrow'
import type { StorageKey } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import { findStorage } from '../find-storage.ts'
import type { ByteRange, StorageRefused } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { Asking, GetMedia } from './get-media.ts'

export interface Reading extends Asking {
  /** Must lie within the file. */
  readonly range?: ByteRange | undefined
}

export interface Content {
  readonly media: Stored
  /** To be read to its end, or told to `return`. */
  readonly body: AsyncIterable<Uint8Array>
}

export type ReadContent = (
  id: string,
  reading?: Reading,
) => ResultAsync<Content, NotFound | StorageRefused | Unavailable>

export type ContentAddress = (media: Stored) => string | undefined

/** Where the storage serves the bytes itself, if it does. */
export const contentAddress =
  ({ storages }: Pick<Ports, 'storages'>): ContentAddress =>
  ({ storage, storageKey }) =>
    findStorage(storages, storage)
      .map((found) => found.address?.(storageKey))
      .unwrapOr(undefined)

/** The bytes as they were uploaded, from the storage that the row names. A file that is gone is an error before the first byte. */
export const readContent =
  ({ storages }: Pick<Ports, 'storages'>, getMedia: GetMedia): ReadContent =>
  (id, { owner, range } = {}) =>
    safeTry(async function* () {
      for (let seen: StorageKey | undefined; ; ) {
        const media = yield* getMedia(id, { owner })
        const storage = yield* findStorage(storages, media.storage)
        const body = await storage.open(media.storageKey, range)
        if (body.isOk()) return ok({ media, body: body.value })
        if (body.error.type !== 'file-missing') return err(body.error)
        // Unless it was moved between the two questions.
        if (media.storageKey === seen) return err({ type: 'storage-error', cause: body.error } as const)
        seen = media.storageKey
      }
    })
