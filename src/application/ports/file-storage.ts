import type { ResultAsync } from 'neverthrow'
import type { StorageKey } from '../../domain/media/ids.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import type { Unavailable } from './unavailable.ts'

/** Keeps the bytes. What every storage owes is proved by the FileStorage contract. */
export interface FileStorage {
  /** Written into every row that it serves, so it names this kind of storage for good. */
  readonly name: string

  /**
   * Consumes `body` with back-pressure and constant memory, and succeeds once the file would survive a power cut.
   * `storage-error`, `insufficient-storage` and `interrupted` left nothing behind. `unavailable` may have left the whole
   * file, never a visible part: only `delete(key)` makes sure. Keys are never used twice.
   */
  put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): ResultAsync<StoredFile, PutError>

  /**
   * The file, or `range` of it. A missing file is reported before the first byte; a range must lie within the file.
   * The caller reads the stream to its end or destroys it.
   */
  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable>

  /**
   * Where the storage itself serves the original to whoever has this address, for minutes at least; absent where it serves
   * nobody. It says nothing about whether the file is there.
   */
  address?(key: StorageKey): string

  /**
   * After success nothing of `key` is left, as far as the storage can tell: one that comes to know of its files late
   * finds it only later. Deleting what is gone succeeds, and ends a put of the same key that is still under way where the
   * storage can.
   * @param fileId the storage's own name for the file, where the caller has it: with it, it is found at once.
   */
  delete(key: StorageKey, fileId?: string): ResultAsync<void, Unavailable>

  /**
   * Whole files only, each once, in an order of the storage's own that writing more files doesn't change: the first
   * page, or the one after the key `after`. At most 1,000 at a time; an empty page is the end.
   */
  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable>
}

export interface PutHints {
  readonly contentType: ContentType
  /** Aborted when the upload is given up: the put ends as soon as it can and is `interrupted`. */
  readonly signal: AbortSignal
  /**
   * `true`: nobody else reads a chunk of the body after it was handed on, so the storage may take its memory, as
   * `ArrayBuffer.prototype.transfer` does.
   */
  readonly ownsChunks?: boolean
}

export interface StoredFile {
  /** The storage's own name for the file. */
  readonly fileId: string
  /** The storage's own public address of the original; absent where the storage serves nobody itself. */
  readonly url?: string
  /** Bytes, as the storage counted them. */
  readonly size: number
}

export interface ListedFile {
  readonly key: StorageKey
  /** Bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

/** Byte positions, both inclusive, from 0. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** `body` threw, or the signal was aborted; `cause` is what it threw. */
export interface Interrupted {
  readonly type: 'interrupted'
  readonly cause: unknown
}

/** The storage said no, and will say so again (credentials, a limit of its own). */
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
