import { randomBytes, randomUUID } from 'node:crypto'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'

export const newId = (): MediaId => randomUUID() as MediaId
export const newAttempt = (): Attempt => randomBytes(8).toString('hex') as Attempt
