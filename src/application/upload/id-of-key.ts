import { createHash } from 'node:crypto'
import type { MediaId } from '../../domain/media/ids.ts'
import type { IdempotencyKey } from '../../domain/values/idempotency-key.ts'

/** The id of what an owner uploads with an idempotency key: a UUIDv8 (RFC 9562 section 5.8) of the SHA-256 of both. */
export function idOfKey(owner: string, key: IdempotencyKey): MediaId {
  const bytes = createHash('sha256')
    .update(JSON.stringify([owner, key]))
    .digest()
    .subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as MediaId
}
