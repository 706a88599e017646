/**
 * Koa and @koa/multer made as durable as mediaport: a row before the bytes, SHA-256 while they stream, fsync of the file
 * and of its folder, and a transaction that commits the row and writes two jobs.
 */
import { createHash, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { callbackify } from 'node:util'
import multer, { type IncomingFile, type Options, type StorageEngine } from '@koa/multer'
import Koa from 'koa'
import { folder, pool, prepare, type Stored, serveBy } from './common.ts'

async function store(file: IncomingFile): Promise<Stored & { id: string }> {
  const file_id = randomUUID()
  const { rows } = await pool.query<{ id: string }>(
    "insert into media (file_id, filename, state) values ($1, $2, 'receiving') returning id",
    [file_id, 'photo.jpg'],
  )
  const hash = createHash('sha256')
  let size = 0
  async function* hashed() {
    for await (const chunk of file.stream) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  const handle = await open(join(folder, file_id), 'wx')
  await pipeline(hashed, handle.createWriteStream({ flush: true }))
  const parent = await open(folder)
  await parent.sync()
  await parent.close()
  return { id: rows[0]?.id ?? '', file_id, size, sha256: hash.digest('hex') }
}

async function commit({ id, size, sha256 }: Stored & { id: string }): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query("update media set state = 'stored', size = $2, sha256 = $3 where id = $1", [id, size, sha256])
    for (const name of ['describe', 'title'])
      await client.query('insert into job (name, data) values ($1, $2)', [name, { id }])
    await client.query('commit')
  } finally {
    client.release()
  }
}

const stored = new WeakMap<IncomingMessage, Stored & { id: string }>()
const storage: StorageEngine = {
  _handleFile: (req, file, done) =>
    callbackify(store)(file, (error, result) => {
      if (!error) stored.set(req, result)
      done(error)
    }),
  _removeFile: (_req, _file, done) => done(),
}
const app = new Koa()
app.use(multer({ storage } as unknown as Options).single('file'))
app.use(async (ctx) => {
  const media = stored.get(ctx.req)
  if (!media) return
  await commit(media)
  ctx.status = 201
  ctx.body = media
})
await prepare()
await serveBy(app.callback())
