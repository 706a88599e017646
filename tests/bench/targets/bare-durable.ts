/**
 * A limit: what mediaport's promises cost without framework, form and domain. A row before the bytes, SHA-256, fsync of the
 * file and its folder, a commit with one job; those that wait at the same time share statements and the folder's fsync.
 * Without DATABASE_URL the database is PGlite. `GET /<id>` asks for the row and streams the file.
 */
import { createHash, randomUUID } from 'node:crypto'
import * as disk from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { BatchQueue } from '../../../src/application/batch-queue.ts'
import { type Database, folder, pool, prepare, serveBy } from './common.ts'

const [open, write, fsync] = [promisify(disk.open), promisify(disk.write), promisify(disk.fsync)]
const [close, rename] = [promisify(disk.close), promisify(disk.rename)]

async function embedded(): Promise<Database> {
  const { PGlite } = await import('@electric-sql/pglite')
  const { makeDatabase } = await import('../../../src/main/new-database.ts')
  return PGlite.create(await makeDatabase(process.env['DATA_DIR'] ?? ''))
}

const database: Database = process.env['DATABASE_URL'] === undefined ? await embedded() : pool
const shared = (run: (items: readonly unknown[]) => Promise<unknown>) =>
  new BatchQueue((items: readonly unknown[]) => run(items).then(() => items), { maxItems: 100 })
const statement = (text: string) => shared((rows) => database.query(text, [JSON.stringify(rows)]))
const additions = statement(`insert into media (id, file_id, filename, state)
  select id, id::text, 'photo.jpg', 'receiving' from json_to_recordset($1) as row (id uuid)`)
const commits = statement(`with row as (select * from json_to_recordset($1) as row (id uuid, size bigint, sha256 text)),
  stored as (update media set state = 'stored', size = row.size, sha256 = row.sha256 from row where media.id = row.id)
  insert into job (name, data) select 'describe', json_build_object('id', id) from row`)
const syncs = shared(() => fsync(parent))

async function read(id: string, res: ServerResponse): Promise<void> {
  const { rows } = await database.query('select file_id, size from media where id = $1', [id])
  const { file_id, size } = rows[0] as { file_id: string; size: string }
  res.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': size })
  await pipeline(disk.createReadStream(join(folder, file_id), { highWaterMark: 256 * 1024 }), res)
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'GET') return read(req.url?.slice(1) ?? '', res)
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

await prepare(database)
const parent = disk.openSync(folder, 'r')
await serveBy((req, res) => answer(req, res).catch(() => res.destroy()))
