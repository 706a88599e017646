/**
 * Uploads while the metadata store and the title cache are down, starts both, and checks the projections. Then deletes
 * the data of both stores and rebuilds it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { noise } from '../samples.ts'
import { folderUntilExit } from '../support/processes.ts'
import { CarefulClient } from './careful-client.ts'
import { ClientLog } from './client-log.ts'
import { indexIds } from './ferretdb.ts'
import { jsonOf, sendRequest } from './http-client.ts'
import { Installation, preload } from './installation.ts'
import { OwnServer } from './own-server.ts'
import type { Part } from './part.ts'
import { readStores } from './stores.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'

const CLIENTS = 8
/** The time limit for all waiting jobs after the stores have returned, in ms. */
const TIMEOUT_MS = { brief: 60_000, full: 300_000 }
/** Without this limit the heap grows until a collection is needed, which would hide a leak. */
const HEAP_MIB = 128
/**
 * The maximum growth of the server's memory, in bytes: from the peak during the first third of the uploads, in which
 * the heap of a busy Node.js process finds its size, to the peak from then until no job waits.
 */
const GROWTH = 32 * 1024 * 1024

export const outage: Part = async ({ isFull, report }) => {
  const uploads = isFull ? 10_000 : 100
  const folder = folderUntilExit()
  const filesRead = join(folder, 'files-read')
  const [mongo, redis] = await Promise.all([OwnServer.mongo(), OwnServer.redis()])
  const both = [mongo, redis]
  await Promise.all(both.map((each) => each.start()))
  const installation = await Installation.open(
    'filesystem',
    {
      FILES_READ: filesRead,
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} ${preload('count-files-read.ts')}`,
    },
    {
      postgres: process.env['POSTGRES_URL'] ?? '',
      mongo: `mongodb://127.0.0.1:${mongo.port}/`,
      redis: `redis://127.0.0.1:${redis.port}`,
    },
  )
  const server = await installation.start()
  await indexIds(mongo, installation.mongo.db(), 'media_metadata')
  await Promise.all(both.map((each) => each.kill()))

  const log = new ClientLog()
  const client = new CarefulClient({ log, server: () => server.url })
  const photo = await readFile(join(import.meta.dirname, '../samples/picture.jpg'))
  let next = 0
  const memory = { early: 0, late: 0 }
  const measure = async () => {
    const when = next < uploads / 3 ? 'early' : 'late'
    memory[when] = Math.max(memory[when], await server.residentBytes())
  }
  const timer = setInterval(() => void measure(), 100)
  const upload = async () => {
    for (let n = next++; n < uploads; n = next++) {
      if (n % 1000 === 0) report(`${n} uploads, ${inMB(await server.residentBytes())}`)
      await client.upload({
        bytes: Buffer.concat([photo, noise(1000, `${n}`)]),
        title: `photo ${n}`,
        key: `photo-${n}`,
        tries: 1,
      })
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, upload))
  const [anyId = ''] = log.acknowledged[0]?.ids ?? []
  const [title, metadata, health] = await Promise.all(
    [`/media/${anyId}/title/`, `/media/${anyId}/metadata/`, '/healthcheck/'].map((path) =>
      sendRequest(server.url + path),
    ),
  )
  const whileDown = {
    [`${log.acknowledged.length} × 201`]: log.acknowledged.length === uploads,
    'titles readable': title?.status === 200,
    'metadata pending': metadata !== undefined && jsonOf(metadata)['status'] === 'pending',
    'health degraded': health?.status === 200 && jsonOf(health)['status'] === 'degraded',
    'stores down': (await Promise.all(both.map((each) => each.isUp()))).every((isUp) => !isUp),
  }
  for (const [what, isTrue] of Object.entries(whileDown)) report(`${what}: ${isTrue}`)

  await Promise.all(both.map((each) => each.start()))
  const start = performance.now()
  const timeoutMs = isFull ? TIMEOUT_MS.full : TIMEOUT_MS.brief
  for (
    let n = 0;
    (n = await backlog(installation)) > 0 && performance.now() - start < timeoutMs;
    await setTimeout(1000)
  )
    report(`${n} jobs are left`)
  const waited = performance.now() - start
  const caughtUp = await verdict(installation, log)
  clearInterval(timer)
  const growth = memory.late - memory.early
  const read = (await readFile(filesRead, 'utf8')).length
  report(`${read} files were read`)

  const before = await projections(installation)
  await installation.mongo.db().dropDatabase()
  await indexIds(mongo, installation.mongo.db(), 'media_metadata')
  await installation.redis.flushall()
  const rebuilt = await run(['rebuild'], installation.variables)
  report(`rebuild: ${rebuilt.stdout.trim()}${rebuilt.stderr.trim()}`)
  const afterwards = await verdict(installation, log, { timeoutMs: 0 })
  const isEqual = isDeepStrictEqual(await projections(installation), before)
  for (const violation of [...violationsIn(caughtUp), ...violationsIn(afterwards)]) report(violation)

  await installation.close()
  await Promise.all(both.map((each) => each.remove()))
  return [
    toRow({
      what: 'MongoDB and Redis both down during uploads',
      times: uploads,
      tried: `${uploads} uploads by ${CLIENTS} clients`,
      verdict: caughtUp,
      details: [
        `${log.acknowledged.length} × 201`,
        `all described and cached ${(waited / 1000).toFixed(1)} s after the stores returned`,
        `${read} files read`,
        ...(isFull ? [`memory grew from ${inMB(memory.early)} by ${inMB(growth)}`] : []),
      ].join(', '),
      isRight:
        Object.values(whileDown).every(Boolean) &&
        read === uploads &&
        waited < timeoutMs &&
        (!isFull || growth < GROWTH),
    }),
    toRow({
      what: 'MongoDB dropped and Redis flushed, then `mediaport rebuild`',
      times: 2,
      tried: `${uploads} media items`,
      verdict: afterwards,
      details: isEqual ? 'documents and titles as before' : 'documents or titles DIFFER',
      isRight: rebuilt.status === 0 && isEqual,
    }),
  ]
}

/** The number of waiting jobs. A complete verdict would take longer than the jobs. */
async function backlog({ database }: Installation): Promise<number> {
  const { rows } = await database.query(
    `select count(*)::int from pgboss.job where state < 'completed' and name in ('describe-media', 'cache-title')`,
  )
  return rows[0]?.count
}

const inMB = (bytes: number) => `${Math.round(bytes / 1e6)} MB`

/** The contents of both projection stores, read with their drivers. */
async function projections(installation: Installation) {
  const documents = await installation.mongo.db().collection('media_metadata').find().sort({ _id: 1 }).toArray()
  return { documents, titles: (await readStores(installation)).titles }
}
