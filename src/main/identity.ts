import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Identity } from '../application/ports/identity.ts'
import type { Attempt, MediaId } from '../domain/media.ts'

/** Each call of the system's generator costs more than the bytes themselves. */
const POOL_BYTES = 4096
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Random bytes that are handed out once. */
function randomBytes(size: number): Buffer {
  if (used + size > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += size
  return pool.subarray(used - size, used)
}

/** Two digits that change every second, so that the filesystem storage can flush the files of one second together. */
const second = (): string => (Math.floor(Date.now() / 1000) % 256).toString(16).padStart(2, '0')

export const randomIdentity: Identity = {
  newId: () => v7({ random: randomBytes(16) }) as MediaId,
  newAttempt: () => (randomBytes(8).toString('hex') + second()) as Attempt,
}
