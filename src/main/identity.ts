import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { Identity } from '../application/ports/identity.ts'
import type { Attempt, MediaId } from '../domain/media.ts'

export const randomIdentity: Identity = {
  newId: () => v7() as MediaId,
  newAttempt: () => randomBytes(8).toString('hex') as Attempt,
}
