/**
 * Uploads while metadata store and title cache are down, starts both, and looks with their own drivers whether all is
 * there; then loses both stores' data and makes it again. Needs a PostgreSQL server, redis-server and FerretDB:
 *
 *   tests/services/all.sh node tests/crash/outage.ts [--uploads 500]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { file, form } from '../e2e/multipart.ts'
import { run, ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { noise } from '../samples.ts'
import { OwnServer } from './own-server.ts'

const { values } = parseArgs({ options: { uploads: { type: 'string', default: '500' } } })
const UPLOADS = Number(values.uploads)
const CLIENTS = 8

const folder = await mkdtemp(join(tmpdir(), 'mediaport-outage-'))
const [mongo, redis, database] = [await OwnServer.mongo(), await OwnServer.redis(), await newDatabase()]
const filesRead = join(folder, 'files-read')
const variables = {
  DATA_DIR: join(folder, 'data'),
  DATABASE_URL: database.url,
  MONGODB_URL: `mongodb://127.0.0.1:${mongo.port}/media`,
  REDIS_URL: `redis://127.0.0.1:${redis.port}`,
  FILES_READ: filesRead,
  NODE_OPTIONS: `--import=${new URL('count-files-read.ts', import.meta.url).href}`,
}
const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
let failures = 0
const check = (isRight: boolean, what: string): void => {
  console.log(`${isRight ? 'ok ' : 'NOT'} ${what}`)
  if (!isRight) failures++
}
const areDown = async () => !(await mongo.isUp()) && !(await redis.isUp())

await Promise.all([mongo.start(), redis.start()])
const server = await ServerProcess.start(variables)
await Promise.all([mongo.kill(), redis.kill()])
check(await areDown(), 'MongoDB and Redis are killed')

const ids: string[] = []
const statuses = new Map<number, number>()
const began = performance.now()
let next = 0
await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    for (let n = next++; n < UPLOADS; n = next++) {
      const body = form(file(Buffer.concat([photo, noise(1000, String(n))]), `photo ${n}.jpg`))
      const headers = { 'Content-Type': 'multipart/form-data; boundary=the-boundary' }
      const answer = await fetch(`${server.url}/upload/`, { method: 'POST', headers, body: new Uint8Array(body) })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      const { id } = (await answer.json()) as { id: string }
      ids.push(id)
    }
  }),
)
const seconds = ((performance.now() - began) / 1000).toFixed(1)
check(statuses.get(201) === UPLOADS, `${UPLOADS} uploads in ${seconds} s: ${JSON.stringify([...statuses])}`)

const [some = ''] = ids
const timed = async (path: string) => {
  const from = performance.now()
  const answer = await fetch(`${server.url}${path}`)
  const body = (await answer.json()) as Record<string, unknown>
  return { status: answer.status, body, ms: performance.now() - from }
}
const direct = await timed(`/media/${some}/`)
const title = await timed(`/media/${some}/title/`)
check(
  title.status === 200,
  `a title is read in ${title.ms.toFixed(0)} ms, the media itself in ${direct.ms.toFixed(0)} ms`,
)
const pending = await timed(`/media/${some}/metadata/`)
check(
  pending.body['status'] === 'pending',
  `metadata is ${String(pending.body['status'])} after ${pending.ms.toFixed(0)} ms`,
)
const health = await timed('/healthcheck/')
check(health.status === 200 && health.body['status'] === 'degraded', `health: ${JSON.stringify(health.body)}`)
check(await areDown(), 'MongoDB and Redis are still down')

await Promise.all([mongo.start(), redis.start()])
const client = new MongoClient(variables.MONGODB_URL)
const cache = new Redis(variables.REDIS_URL)
const documents = async () => client.db().collection('media_metadata').find().sort({ _id: 1 }).toArray()
const titles = async () => {
  const keys = (await cache.keys('mediaport:title:*')).toSorted()
  return Promise.all(keys.map(async (key) => [key, await cache.hgetall(key)] as const))
}
const complete = async (patience: number) => {
  const from = performance.now()
  for (;;) {
    const counts = [(await documents()).length, (await titles()).length]
    const isOver = counts.every((count) => count === UPLOADS)
    if (isOver || performance.now() - from > patience) return { isOver, counts, ms: performance.now() - from }
    await setTimeout(100)
  }
}
const caughtUp = await complete(60_000)
check(
  caughtUp.isOver,
  `${caughtUp.counts.join(' documents and ')} titles ${(caughtUp.ms / 1000).toFixed(1)} s after both came back`,
)
const read = (await readFile(filesRead, 'utf8')).length
check(read === UPLOADS, `${read} files were read`)

const before = { documents: await documents(), titles: await titles() }
await client.db().dropDatabase()
await cache.flushall()
const rebuilt = await run(['rebuild'], variables)
const after = { documents: await documents(), titles: await titles() }
check(
  rebuilt.status === 0 && after.documents.length === UPLOADS,
  `rebuild: ${rebuilt.stdout.trim()}${rebuilt.stderr.trim()}`,
)
check(isDeepStrictEqual(after, before), 'documents and titles are equal to those before')

await client.close()
cache.disconnect()
await server.kill('SIGTERM')
await Promise.all([mongo.remove(), redis.remove(), database.drop(), rm(folder, { recursive: true })])
console.log(failures === 0 ? 'all held' : `${failures} did not hold`)
process.exit(failures === 0 ? 0 : 1)
