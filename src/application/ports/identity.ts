import type { Attempt, MediaId } from '../../domain/media/ids.ts'

/** Where new names come from. */
export interface Identity {
  /** Unique; later ones sort after earlier ones (UUIDv7, RFC 9562). */
  newId(): MediaId
  /**
   * Unguessable: at least 64 random bits, as lower-case hexadecimal digits. The last two should be alike for attempts that
   * begin at the same time and spread evenly over time: the filesystem storage makes a folder of them.
   */
  newAttempt(): Attempt
}
