/** Rows that are locked by the transaction of another program. */
import type { Client } from 'pg'
import { idOfKey } from '../../src/application/upload/id-of-key.ts'
import { parseIdempotencyKey } from '../../src/domain/values/idempotency-key.ts'
import { secondsUntil } from './faults.ts'
import type { UploadOptions } from './timed-requests.ts'

/** Inserts the row of an upload in the open transaction. */
export async function insertRow(other: Client, { key = '' }: UploadOptions): Promise<void> {
  const id = idOfKey('anonymous', parseIdempotencyKey(key)._unsafeUnwrap())
  await other.query(
    `insert into media_job (id, owner, attempt, storage, storage_key, filename, mime_type, state, lease_expires_at)
     values ($1, 'anonymous', 'of another', 'filesystem', 'of another', 'held.png', 'image/png', 'receiving', now())`,
    [id],
  )
}

/** Locks the row of an upload in the open transaction as soon as the row exists. */
export async function lockRow(other: Client, { filename }: UploadOptions): Promise<void> {
  const lock = () => other.query('select from media_job where filename = $1 for update', [filename])
  await secondsUntil(async () => (await lock()).rowCount === 1)
}

/** Returns whether another connection waits for a lock of this connection. */
export async function blocks(other: Client): Promise<boolean> {
  const waiting = 'select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))'
  return (await other.query(waiting)).rowCount !== 0
}
