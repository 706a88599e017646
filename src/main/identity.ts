import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { Identity } from '../application/ports/identity.ts'
import type { Attempt, MediaId } from '../domain/media/ids.ts'

/** Two digits that change every second, so that the filesystem storage can flush the files of one second together. */
const second = (): string => (Math.floor(Date.now() / 1000) % 256).toString(16).padStart(2, '0')

export const randomIdentity: Identity = {
  newId: () => v7() as MediaId,
  newAttempt: () => (randomBytes(8).toString('hex') + second()) as Attempt,
}
