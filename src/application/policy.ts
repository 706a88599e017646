import { type ContentType, DEFAULT_TYPES } from '../domain/values/content-type.ts'

/** What uploads are held to. */
export interface Policy {
  /** Bytes; a file of exactly this size is taken. */
  readonly maxFileSize: number
  readonly allowedTypes: readonly ContentType[]
  /**
   * How long an upload may make no progress before others may put it away, in seconds. It is renewed three times in
   * that span.
   */
  readonly leaseSeconds: number
  /** How long a storage may neither take bytes nor answer, in seconds. */
  readonly storageTimeoutSeconds: number
  /**
   * How long a row that is not wanted any more is kept after its bytes were discarded, in seconds: by then every writer
   * that was paused must have written all that it ever will. Until then a key whose media was deleted answers so.
   */
  readonly forgetAfterSeconds: number
}

export const DEFAULT_POLICY: Policy = {
  maxFileSize: 100 * 1024 * 1024,
  allowedTypes: DEFAULT_TYPES,
  leaseSeconds: 60,
  storageTimeoutSeconds: 60,
  forgetAfterSeconds: 7 * 24 * 60 * 60,
}
