/**
 * Limits: what node:http does when it keeps no promise.
 *
 *   node bare.ts drain    reads the body and forgets it
 *   node bare.ts file     pipes the body into a file, with SHA-256
 *   node bare.ts insert   the same, and one INSERT
 *
 * `GET /<file_id>` streams a file.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'

import type { IncomingMessage, ServerResponse } from 'node:http'

import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { folder, insert, prepare, type Stored, serveBy } from './common.ts'

const mode = process.argv[2]

async function take(req: IncomingMessage): Promise<Stored> {
  const file_id = randomUUID()
  let size = 0
  if (mode === 'drain') {
    for await (const chunk of req) size += chunk.length
    return { file_id, size }
  }
  const hash = createHash('sha256')
  async function* hashed() {
    for await (const chunk of req) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  await pipeline(hashed, createWriteStream(join(folder, file_id)))
  return { file_id, size, sha256: hash.digest('hex') }
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'GET') {
    const path = join(folder, req.url?.slice(1) ?? '')
    res.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': (await stat(path)).size })
    return pipeline(createReadStream(path), res)
  }
  const stored = await take(req)
  const body = JSON.stringify(mode === 'insert' ? await insert(stored) : stored)
  res.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body)
}

await prepare()
await serveBy((req, res) => answer(req, res).catch(() => res.destroy()))
