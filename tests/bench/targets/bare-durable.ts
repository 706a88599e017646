/**
 * A limit: what mediaport's promises cost without framework, form and domain. A row before the bytes, SHA-256, fsync of the
 * file and its folder, a commit with one job; those that wait at the same time share statements and the folder's fsync.
 */
import { createHash, randomUUID } from 'node:crypto'
import * as disk from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BatchQueue } from '../../../src/application/batch-queue.ts'
import { folder, pool, prepare, serveBy } from './common.ts'

const [open, write, fsync] = [promisify(disk.open), promisify(disk.write), promisify(disk.fsync)]
const [close, rename] = [promisify(disk.close), promisify(disk.rename)]

const shared = (run: (items: readonly unknown[]) => Promise<unknown>) =>
  new BatchQueue((items: readonly unknown[]) => run(items).then(() => items), { maxItems: 100 })
const statement = (text: string) => shared((rows) => pool.query(text, [JSON.stringify(rows)]))
const additions = statement(`insert into media (id, file_id, filename, state)
  select id, id::text, 'photo.jpg', 'receiving' from json_to_recordset($1) as row (id uuid)`)
const commits = statement(`with row as (select * from json_to_recordset($1) as row (id uuid, size bigint, sha256 text)),
  stored as (update media set state = 'stored', size = row.size, sha256 = row.sha256 from row where media.id = row.id)
  insert into job (name, data) select 'describe', json_build_object('id', id) from row`)
const syncs = shared(() => fsync(parent))

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const id = randomUUID()
  const path = join(folder, id)
  await additions.add({ id })
  const file = await open(`${path}.part`, 'wx', 0o600)
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of req) {
    hash.update(chunk)
    size += chunk.length
    await write(file, chunk)
  }
  await fsync(file)
  await close(file)
  await rename(`${path}.part`, path)
  await syncs.add(id)
  const stored = { id, size, sha256: hash.digest('hex') }
  await commits.add(stored)
  const body = JSON.stringify({ ...stored, file_id: id })
  res.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body)
}

await prepare()
const parent = disk.openSync(folder, 'r')
await serveBy((req, res) => answer(req, res).catch(() => res.destroy()))
