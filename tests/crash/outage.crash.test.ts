/**
 * Uploads while the metadata store and the title cache are down, starts both, and checks the projections. Then deletes
 * the data of both stores and rebuilds it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run } from '../integration/mediaport-process.ts'
import { noise } from '../samples.ts'
import { folderUntilExit } from '../support/processes.ts'
import { request, upload } from './client.ts'
import { indexIds } from './ferretdb.ts'
import { preload, services } from './installation.ts'
import { OwnServer } from './own-server.ts'
import { readStores } from './stores.ts'
import { expectNothingLost, expectNoViolation, isFull, until, useInstallation } from './suite.ts'
import { verdict } from './verdict.ts'

const UPLOADS = isFull ? 10_000 : 100
const CLIENTS = 8
/** The time limit for all waiting jobs after the stores have returned, in ms. */
const TIMEOUT_MS = isFull ? 300_000 : 60_000
/** Without this limit the heap grows until a collection is needed, which would hide a leak. */
const HEAP_MIB = 128
/**
 * The maximum growth of the server's memory, in bytes: from the peak during the first third of the uploads, in which
 * the heap of a busy Node.js process finds its size, to the peak from then until no job waits.
 */
const GROWTH = 32 * 1024 * 1024

const [mongo, redis] = [await OwnServer.mongo(), await OwnServer.redis()]
const both = [mongo, redis]
afterAll(() => Promise.all(both.map((each) => each.remove())))
await Promise.all(both.map((each) => each.start()))
const filesRead = join(folderUntilExit(), 'files-read')
const installation = await useInstallation(
  'filesystem',
  { FILES_READ: filesRead, NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} ${preload('count-files-read.ts')}` },
  { ...services(), mongo: mongo.url, redis: redis.url },
)
const { log } = installation
const server = await installation.start()
await indexIds(mongo, installation.mongo.db(), 'media_metadata')

/** Whether jobs wait. A complete verdict would take longer than the jobs. */
const hasNoJobs = async () =>
  (
    await installation.database.query(
      `select from pgboss.job where state < 'completed' and name in ('describe-media', 'cache-title') limit 1`,
    )
  ).rowCount === 0

/** The contents of both projection stores, read with their drivers. */
async function projections() {
  const documents = await installation.mongo.db().collection('media_metadata').find().sort({ _id: 1 }).toArray()
  return { documents, titles: (await readStores(installation)).titles }
}

test('MongoDB and Redis are both down during uploads', { meta: { tried: UPLOADS } }, async (context) => {
  await Promise.all(both.map((each) => each.kill()))
  const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
  let next = 0
  const memory = { early: 0, late: 0 }
  const measure = async () => {
    const when = next < UPLOADS / 3 ? 'early' : 'late'
    memory[when] = Math.max(memory[when], await server.residentBytes())
  }
  const timer = setInterval(() => void measure(), 100)
  const uploadMany = async () => {
    for (let n = next++; n < UPLOADS; n = next++) {
      const bytes = Buffer.concat([photo, noise(1000, `${n}`)])
      expect(await upload(server.url, log, { bytes, title: `photo ${n}`, key: `photo-${n}` })).toMatchObject({
        status: 201,
      })
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, uploadMany))
  const media = `${server.url}/media/${[...(log.acknowledged[0]?.ids ?? [])][0]}`
  expect(await request(`${media}/title/`)).toMatchObject({ status: 200 })
  expect(await request(`${media}/metadata/`)).toMatchObject({ body: { status: 'pending' } })
  expect(await request(`${server.url}/healthcheck/`)).toMatchObject({ status: 200, body: { status: 'degraded' } })
  expect(await Promise.all(both.map((each) => each.isUp()))).toEqual([false, false])

  await Promise.all(both.map((each) => each.start()))
  const seconds = await until('all are described and cached', hasNoJobs, TIMEOUT_MS)
  await expectNothingLost(installation, context)
  clearInterval(timer)
  expect((await readFile(filesRead, 'utf8')).length).toBe(UPLOADS)
  const growth = memory.late - memory.early
  await context.annotate(`all described and cached ${seconds.toFixed(1)} s after the stores returned`)
  await context.annotate(`memory grew from ${inMB(memory.early)} by ${inMB(growth)}`)
  if (isFull) expect(growth).toBeLessThan(GROWTH)
})

test('MongoDB is dropped and Redis is flushed, then `mediaport rebuild`', { meta: { tried: 2 } }, async (context) => {
  const before = await projections()
  await installation.mongo.db().dropDatabase()
  await indexIds(mongo, installation.mongo.db(), 'media_metadata')
  await installation.redis.flushall()
  expect(await run(['rebuild'], installation.variables)).toMatchObject({ status: 0 })
  expectNoViolation(await verdict(installation, 0), context)
  expect(await projections()).toEqual(before)
})

const inMB = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
