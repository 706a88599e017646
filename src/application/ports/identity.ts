import type { Attempt, MediaId } from '../../domain/media/ids.ts'

/** Makes new identifiers. */
export interface Identity {
  /** A unique id. Later ids sort after earlier ones (UUIDv7, RFC 9562). */
  newId(): MediaId
  /**
   * At least 64 random bits in lower-case hexadecimal. The last two digits should be equal for attempts of one second and
   * spread evenly over time, because the filesystem storage makes a folder of them.
   */
  newAttempt(): Attempt
}
