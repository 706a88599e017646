import type { Attempt, MediaId } from '../../domain/media.ts'

/** Where new names come from. */
export interface Identity {
  /** Unique; later ones sort after earlier ones (UUIDv7, RFC 9562). */
  newId(): MediaId
  /** Unguessable: at least 64 random bits, as lower-case hexadecimal digits. */
  newAttempt(): Attempt
}
