import { err, type ResultAsync } from 'neverthrow'
import type { Stored } from '../../domain/media/media.ts'
import { findStorage } from '../find-storage.ts'
import type { ByteRange, FileMissing, StorageRefused } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { GetMedia, ReadOptions } from './get-media.ts'

export interface Content {
  readonly media: Stored
  /** Where the storage itself serves the file, for some minutes at least. `undefined` if it does not serve files. */
  readonly address: string | undefined
  /**
   * Opens the file, or a range that lies within it. The caller must read the stream to its end or call its `return`. If
   * the file is missing, it errs with `storage-error` before the first byte.
   */
  readonly open: (range?: ByteRange) => ResultAsync<AsyncIterable<Uint8Array>, NotFound | StorageRefused | Unavailable>
}

/**
 * Finds a media item and its file, with one query.
 *
 * @example
 * const content = await mediaport.openContent(id, { owner: 'anna' }).andThen(({ open }) => open({ start: 0, end: 99 }))
 */
export type OpenContent = (id: string, options: ReadOptions) => ResultAsync<Content, NotFound | Unavailable>

export const openContent = (ports: Pick<Ports, 'storages'>, getMedia: GetMedia): OpenContent => {
  type Opened = ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable>
  const openFile = ({ storage, storageKey }: Stored, range?: ByteRange): Opened =>
    findStorage(ports.storages, storage).asyncAndThen((found) => found.open(storageKey, range))

  return (id, options) => {
    /** A file that is missing may have been moved since the row was read. */
    const open = (media: Stored, range?: ByteRange): ReturnType<Content['open']> =>
      openFile(media, range).orElse((error) => {
        if (error.type !== 'file-missing') return err(error)
        return getMedia(id, options).andThen((current) =>
          current.storageKey === media.storageKey
            ? err({ type: 'storage-error', cause: error } as const)
            : open(current, range),
        )
      })
    return getMedia(id, options).map((media) => ({
      media,
      address: findStorage(ports.storages, media.storage)
        .map((storage) => storage.address?.(media.storageKey))
        .unwrapOr(undefined),
      open: (range) => open(media, range),
    }))
  }
}
