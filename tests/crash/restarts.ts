/**
 * Restarts PostgreSQL, the metadata store and the title cache in turn, under clients that upload, and then looks whether
 * every upload that was acknowledged is complete everywhere. Needs PostgreSQL, redis-server and FerretDB:
 *
 *   tests/services/all.sh node tests/crash/restarts.ts [--seconds 60] [--every 5]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { file, form } from '../e2e/multipart.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { noise, sha256 } from '../samples.ts'
import { OwnServer } from './own-server.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, every: { type: 'string', default: '5' } },
})
const CLIENTS = 8
const PATIENCE = 120_000

const folder = await mkdtemp(join(tmpdir(), 'mediaport-restarts-'))
const [db, mongo, redis] = [await OwnServer.postgres(), await OwnServer.mongo(), await OwnServer.redis()]
const servers = { db, mongo, redis }
await Promise.all(Object.values(servers).map((each) => each.start()))
const variables = {
  DATA_DIR: folder,
  DATABASE_URL: `postgres://media@127.0.0.1:${db.port}/postgres`,
  MONGODB_URL: `mongodb://127.0.0.1:${mongo.port}/media`,
  REDIS_URL: `redis://127.0.0.1:${redis.port}`,
  UPLOAD_LEASE_SECONDS: '5',
  REAP_EVERY_SECONDS: '2',
}
const server = await ServerProcess.start(variables)
const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
const acknowledged = new Map<string, string>()
const statuses = new Map<number, number>()
const ending = new AbortController()

const clients = Array.from({ length: CLIENTS }, async (_, client) => {
  for (let n = 0; !ending.signal.aborted; n++) {
    const bytes = Buffer.concat([photo, noise(1000, `${client} ${n}`)])
    const headers = { 'Content-Type': 'multipart/form-data; boundary=the-boundary' }
    const body = new Uint8Array(form(file(bytes, `photo ${n}.jpg`)))
    const answer = await fetch(`${server.url}/upload/`, { method: 'POST', headers, body })
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    const { id = '' } = (await answer.json()) as { id?: string }
    if (answer.status === 201) acknowledged.set(id, sha256(bytes))
    await setTimeout(20)
  }
})
const restarts: Record<string, number> = {}
const until = performance.now() + Number(values.seconds) * 1000
while (performance.now() < until)
  for (const [name, each] of Object.entries(servers)) {
    await each.kill(name === 'db' ? 'SIGQUIT' : 'SIGKILL')
    await setTimeout(300)
    await each.start()
    restarts[name] = (restarts[name] ?? 0) + 1
    await setTimeout((Number(values.every) * 1000) / 3)
  }
ending.abort()
await Promise.all(clients)
console.log(`restarts: ${JSON.stringify(restarts)}; answers: ${JSON.stringify([...statuses])}`)

const client = new MongoClient(variables.MONGODB_URL)
const cache = new Redis(variables.REDIS_URL)
const missing = async () => {
  const documents = await client.db().collection<{ _id: string }>('media_metadata').find().toArray()
  const described = new Set(documents.map(({ _id }) => _id))
  const without = { metadata: 0, titles: 0 }
  for (const id of acknowledged.keys()) {
    if (!described.has(id)) without.metadata++
    if ((await cache.exists(`mediaport:title:${id}`)) === 0) without.titles++
  }
  return without
}
const from = performance.now()
let left = await missing()
while (left.metadata + left.titles > 0 && performance.now() - from < PATIENCE) {
  await setTimeout(250)
  left = await missing()
}
let lost = 0
for (const [id, expected] of acknowledged) {
  const content = await fetch(`${server.url}/media/${id}/content/`)
  if (content.status !== 200 || sha256(Buffer.from(await content.arrayBuffer())) !== expected) lost++
}
const others = [...statuses.keys()].filter((status) => status !== 201 && status !== 503)
console.log(
  `${acknowledged.size} acknowledged, ${lost} lost, ${left.metadata} without metadata and ${left.titles} without title ` +
    `${((performance.now() - from) / 1000).toFixed(1)} s later, other answers: ${others.join() || 'none'}`,
)
await client.close()
cache.disconnect()
await server.kill('SIGTERM')
await Promise.all([...Object.values(servers).map((each) => each.remove()), rm(folder, { recursive: true })])
process.exit(lost + left.metadata + left.titles + others.length === 0 ? 0 : 1)
