import type { ResultAsync } from 'neverthrow'
import type { StorageKey } from '../../domain/media/ids.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import type { Unavailable } from './unavailable.ts'

/** Keeps the bytes of media items. The FileStorage contract in `tests/contract` checks every guarantee. */
export interface FileStorage {
  /** Identifies the storage. Rows contain it, so it must never change, and two storages must not share it. */
  readonly name: string

  /**
   * Writes `body` with back-pressure and constant memory. Succeeds once the file would survive a power cut. After
   * `storage-error`, `insufficient-storage` and `interrupted` nothing is left. After `unavailable` the whole file may be
   * left, but never a readable part of it; only `delete(key)` makes sure. A key is never used for a second `put`.
   */
  put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): ResultAsync<StoredFile, PutError>

  /**
   * Opens the file, or a range that lies within it. A missing file is an error before the first byte. The caller must read
   * the stream to its end or call its `return`.
   */
  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable>

  /**
   * The address at which the storage itself serves the file, valid for some minutes at least. Absent if the storage serves
   * no files. Does not check that the file exists.
   */
  address?(key: StorageKey): string

  /**
   * Deletes the file. Succeeds if there is none. Ends a `put` of the same key that is in progress, if the storage can. An
   * eventually consistent storage may miss a file that it does not list yet; pass `fileId` to delete it directly.
   *
   * @param fileId The storage's own identifier of the file, if it is known.
   */
  delete(key: StorageKey, fileId?: string): ResultAsync<void, Unavailable>

  /**
   * Returns a page of complete files, starting after the key `after`. Each file occurs once, in an order that does not change
   * when files are added. A page has at most 1,000 files. An empty page is the end.
   */
  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable>
}

export interface PutHints {
  readonly contentType: ContentType
  /** When it is aborted, `put` ends as soon as it can and errs with `interrupted`. */
  readonly signal: AbortSignal
  /** `true` if nobody uses a chunk of the body after it was read. The storage may then detach its ArrayBuffer. */
  readonly ownsChunks?: boolean
}

export interface StoredFile {
  /** The storage's own identifier of the file. */
  readonly fileId: string
  /** The public address of the file. Absent if the storage serves no files. */
  readonly url?: string
  /** The number of bytes that the storage has counted. */
  readonly size: number
}

export interface ListedFile {
  readonly key: StorageKey
  /** In bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

/** Byte positions. Both are inclusive and start at 0. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** The body threw, or the signal was aborted. `cause` is what was thrown. */
export interface Interrupted {
  readonly type: 'interrupted'
  readonly cause: unknown
}

/** The storage refused the file and will refuse it again, because of wrong credentials or a limit of its own. */
export interface StorageRefused {
  readonly type: 'storage-error'
  readonly cause: unknown
}

export interface InsufficientStorage {
  readonly type: 'insufficient-storage'
  readonly cause: unknown
}

export type PutError = Interrupted | StorageRefused | InsufficientStorage | Unavailable

export interface FileMissing {
  readonly type: 'file-missing'
  readonly key: StorageKey
}
