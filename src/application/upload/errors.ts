import type { ExtensionMismatch, UnsupportedFileType } from '../../domain/values/content-type.ts'
import type { Sha256 } from '../../domain/values/digest.ts'
import type { MissingFile } from '../../domain/values/file-name.ts'
import type { BadIdempotencyKey } from '../../domain/values/idempotency-key.ts'
import type { InsufficientStorage, StorageRefused } from '../ports/file-storage.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { InvalidDetails } from './details.ts'
import type { BodyFailure, EmptyFile } from './incoming-body.ts'

export interface DigestMismatch {
  readonly type: 'digest-mismatch'
  /** The SHA-256 of the received bytes. */
  readonly actual: Sha256
}

/** The commit was sent, but the database did not confirm it. The row tells what happened: read it, or upload again. */
export interface OutcomeUnknown {
  readonly type: 'outcome-unknown'
  readonly cause: unknown
}

/**
 * The idempotency key was used before, and this upload changed nothing: that upload is in progress; or had other bytes, name,
 * title or tags; or its media item was deleted.
 */
export interface KeyTaken {
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
