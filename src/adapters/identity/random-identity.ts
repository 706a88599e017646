import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { Identity } from '../../application/ports/identity.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'

/**
 * Two digits that change every second. Attempts of one second share a folder, so one flush of it serves all of them.
 */
const secondDigits = (): string => (Math.floor(Date.now() / 1000) % 256).toString(16).padStart(2, '0')

/**
 * Makes UUIDv7 ids (RFC 9562), and attempts of 64 random bits.
 *
 * @example
 * const mediaport = createMediaport({ ...ports, identity: randomIdentity })
 */
export const randomIdentity: Identity = {
  newId: () => v7() as MediaId,
  newAttempt: () => (randomBytes(8).toString('hex') + secondDigits()) as Attempt,
}
