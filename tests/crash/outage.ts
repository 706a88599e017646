/**
 * Uploads while metadata store and title cache are down, starts both, and looks whether all is there; then loses both stores'
 * data and makes it again.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { noise } from '../samples.ts'
import { ask, jsonOf } from './ask.ts'
import { CarefulClient } from './careful-client.ts'
import { ClientLog } from './client-log.ts'
import { indexIds } from './ferretdb.ts'
import { Installation } from './installation.ts'
import { look } from './look.ts'
import { OwnServer } from './own-server.ts'
import { type Part, runAlone } from './part.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const CLIENTS = 8
/** In ms: what waits has to be gone so soon after the stores are back. */
const PATIENCE = { brief: 60_000, full: 300_000 }
/** Without a bound the heap grows while nothing forces it to be tidied, which would hide whether anything is kept. */
const HEAP_MIB = 128
/**
 * In bytes: what the server's memory may grow by, from the highest during the first third of the uploads, in which the
 * heap of a busy Node finds its size, to the highest from then until nothing waits.
 */
const GROWTH = 32 * 1024 * 1024

export const outage: Part = async ({ isFull, say }) => {
  const uploads = isFull ? 10_000 : 100
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-outage-'))
  const filesRead = join(folder, 'files-read')
  const [mongo, redis] = await Promise.all([OwnServer.mongo(), OwnServer.redis()])
  const both = [mongo, redis]
  await Promise.all(both.map((each) => each.start()))
  const installation = await Installation.open(
    'filesystem',
    {
      FILES_READ: filesRead,
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} --import=${new URL('count-files-read.ts', import.meta.url).href}`,
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
  const watching = setInterval(() => void measure(), 100)
  const upload = async () => {
    for (let n = next++; n < uploads; n = next++) {
      if (n % 1000 === 0) say(`${n} uploads, ${inMB(await server.residentBytes())}`)
      await client.upload({
        bytes: Buffer.concat([photo, noise(1000, `${n}`)]),
        title: `photo ${n}`,
        key: `photo-${n}`,
        tries: 1,
      })
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, upload))
  const [some = ''] = log.acknowledged[0]?.ids ?? []
  const [title, metadata, health] = await Promise.all(
    [`/media/${some}/title/`, `/media/${some}/metadata/`, '/healthcheck/'].map((path) => ask(server.url + path)),
  )
  const whileDown = {
    [`${log.acknowledged.length} × 201`]: log.acknowledged.length === uploads,
    'titles readable': title?.status === 200,
    'metadata pending': metadata !== undefined && jsonOf(metadata)['status'] === 'pending',
    'health degraded': health?.status === 200 && jsonOf(health)['status'] === 'degraded',
    'stores down': (await Promise.all(both.map((each) => each.isUp()))).every((isUp) => !isUp),
  }
  for (const [what, isTrue] of Object.entries(whileDown)) say(`${what}: ${isTrue}`)

  await Promise.all(both.map((each) => each.start()))
  const from = performance.now()
  const patience = isFull ? PATIENCE.full : PATIENCE.brief
  for (let n = 0; (n = await backlog(installation)) > 0 && performance.now() - from < patience; await setTimeout(1000))
    say(`${n} jobs are left`)
  const waited = performance.now() - from
  const caughtUp = await verdict(installation, log)
  clearInterval(watching)
  const grown = memory.late - memory.early
  const read = (await readFile(filesRead, 'utf8')).length
  say(`${read} files were read`)

  const kept = await projections(installation)
  await installation.mongo.db().dropDatabase()
  await indexIds(mongo, installation.mongo.db(), 'media_metadata')
  await installation.redis.flushall()
  const rebuilt = await run(['rebuild'], installation.variables)
  say(`rebuild: ${rebuilt.stdout.trim()}${rebuilt.stderr.trim()}`)
  const afterwards = await verdict(installation, log, { patience: 0 })
  const isEqual = isDeepStrictEqual(await projections(installation), kept)
  for (const offender of [...offendersIn(caughtUp), ...offendersIn(afterwards)]) say(offender)

  await installation.close()
  await Promise.all([...both.map((each) => each.remove()), rm(folder, { recursive: true })])
  return [
    toRow({
      what: 'MongoDB and Redis both down during uploads',
      times: uploads,
      tried: `${uploads} uploads by ${CLIENTS} clients`,
      verdict: caughtUp,
      also: [
        `${log.acknowledged.length} × 201`,
        `all described and cached ${(waited / 1000).toFixed(1)} s after their return`,
        `${read} files read`,
        ...(isFull ? [`memory grew from ${inMB(memory.early)} by ${inMB(grown)}`] : []),
      ].join(', '),
      isRight:
        Object.values(whileDown).every(Boolean) && read === uploads && waited < patience && (!isFull || grown < GROWTH),
    }),
    toRow({
      what: 'MongoDB dropped and Redis flushed, then `mediaport rebuild`',
      times: 2,
      tried: `${uploads} media`,
      verdict: afterwards,
      also: isEqual ? 'documents and titles equal to those before' : 'documents or titles DIFFER from those before',
      isRight: rebuilt.status === 0 && isEqual,
    }),
  ]
}

/** Jobs that are to be done. Looking at all that they do would be more work than they are. */
async function backlog({ database }: Installation): Promise<number> {
  const { rows } = await database.query(
    `select count(*)::int from pgboss.job where state < 'completed' and name in ('describe-media', 'cache-title')`,
  )
  return rows[0]?.count
}

const inMB = (bytes: number) => `${Math.round(bytes / 1e6)} MB`

/** All of both stores, as their drivers give it. */
async function projections(installation: Installation) {
  const documents = await installation.mongo.db().collection('media_metadata').find().sort({ _id: 1 }).toArray()
  return { documents, titles: (await look(installation)).titles }
}

if (import.meta.main) await runAlone(outage)
