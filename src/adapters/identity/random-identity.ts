import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { Identity } from '../../application/ports/identity.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'

/** Two digits that change every second. Attempts of one second share a folder, so the filesystem flushes it once for all. */
const second = (): string => (Math.floor(Date.now() / 1000) % 256).toString(16).padStart(2, '0')

/** UUIDv7 ids, and attempts of 64 random bits. */
export const randomIdentity: Identity = {
  newId: () => v7() as MediaId,
  newAttempt: () => (randomBytes(8).toString('hex') + second()) as Attempt,
}
