import type { ResultAsync } from 'neverthrow'
import type { Stored } from '../../domain/media/media.ts'
import type { ExtensionMismatch, UnsupportedFileType } from '../../domain/values/content-type.ts'
import type { Sha256 } from '../../domain/values/digest.ts'
import type { MissingFile } from '../../domain/values/file-name.ts'
import type { BadIdempotencyKey } from '../../domain/values/idempotency-key.ts'
import type { InsufficientStorage, StorageRefused } from '../ports/file-storage.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { Details, InvalidDetails } from './details.ts'
import type { BodyFailure, EmptyFile } from './incoming-body.ts'

export interface Upload<E = never> {
  /** Read once, as fast as the storage takes it. It is told to stop (`return`) when the upload ends early. */
  readonly body: AsyncIterable<Uint8Array>
  /**
   * `true`: the chunks of `body` are not used after they were handed on, so the storage may free their memory early. That
   * makes large uploads cheaper. A chunk may be of length 0 afterwards. `false` by default.
   */
  readonly ownsChunks?: boolean
  /** As the sender calls it; a path is reduced to its last part. */
  readonly filename: string
  /** What is said about the file; as a `ResultAsync` where that is known only after the bytes. Its error is passed on. */
  readonly details?: Details | ResultAsync<Details, E>
  /** Whose it is; `anonymous` by default. */
  readonly owner?: string
  /**
   * The sender's own name for this upload (1–255 visible ASCII characters): however often it is sent under it, there is
   * one media. Other bytes, another name, title or tags under the same key are refused.
   */
  readonly key?: string | undefined
}

/** The media, and whether it was there already from an earlier upload with the same key. */
export type Uploaded = Stored & { readonly replayed: boolean }

export interface DigestMismatch {
  readonly type: 'digest-mismatch'
  /** What the bytes that came hash to. */
  readonly actual: Sha256
}

/** The commit was sent and nobody could say what became of it. The row knows: look, or send the file again. */
export interface OutcomeUnknown {
  readonly type: 'outcome-unknown'
  readonly cause: unknown
}

/** Another upload under the same key; this one changed nothing. */
export interface KeyTaken {
  /** It is still under way; it was another one; its media was deleted. */
  readonly type: 'idempotency-in-progress' | 'idempotency-key-reused' | 'media-deleted'
}

export type UploadError =
  | MissingFile
  | EmptyFile
  | UnsupportedFileType
  | ExtensionMismatch
  | BadIdempotencyKey
  | KeyTaken
  | InvalidDetails
  | DigestMismatch
  | BodyFailure
  | StorageRefused
  | InsufficientStorage
  | Unavailable
  | OutcomeUnknown
