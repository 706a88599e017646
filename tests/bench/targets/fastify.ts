/** Fastify and @fastify/multipart, the file piped to the disk, and one INSERT. */
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import multipart from '@fastify/multipart'
import fastify from 'fastify'
import { announce, folder, insert, prepare } from './common.ts'

const app = fastify({ requestTimeout: 0 })
await app.register(multipart, { limits: { fileSize: Number.POSITIVE_INFINITY } })
app.post('/upload/', async (request, reply) => {
  const part = await request.file()
  if (!part) return reply.code(400).send()
  const file_id = randomUUID()
  const file = createWriteStream(join(folder, file_id))
  await pipeline(part.file, file)
  return reply.code(201).send(await insert({ file_id, size: file.bytesWritten }))
})
await prepare()
await app.listen({ port: 0, host: '127.0.0.1' })
announce(app.server)
