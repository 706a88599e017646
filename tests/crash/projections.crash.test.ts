/**
 * MongoDB and Redis fail in every way. No upload may be affected, titles are read from the rows, and both stores catch
 * up afterwards.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import type { FaultProxy } from '../fault-proxy.ts'
import { request, upload } from './client.ts'
import { services } from './installation.ts'
import { OwnServer } from './own-server.ts'
import { proxyBefore } from './proxied.ts'
import { cannotTest, long, testVerdict, until, useInstallation } from './suite.ts'

/** The maximum delay of a read while the cache does not answer, in seconds. */
const FALLBACK = 0.2
/** The time after which the projections must agree with the rows again, in ms. */
const CONVERGED = 60_000
/**
 * Loading a snapshot takes 0.1 s per key, and clients are answered in this time. The snapshot folder can be changed.
 */
const REDIS_OPTIONS =
  '--key-load-delay 100000 --loading-process-events-interval-bytes 1024 --enable-protected-configs yes'.split(' ')

/** A temporary fault of a projection store. */
interface StoreFault {
  readonly what: string
  readonly store: 'metadata' | 'titles'
  readonly isLong?: boolean
  /** Whether the health check detects it. A store that only refuses writes answers its query. */
  readonly isDetected?: boolean
  /** The start of Redis's reply to a write, which proves that the fault is present. */
  readonly reply?: string
  readonly start: () => Promise<unknown>
  readonly end: () => Promise<unknown>
}

const ownRedis = await OwnServer.redis(REDIS_OPTIONS)
await ownRedis.start()
afterAll(() => ownRedis.remove())
const installation = await useInstallation('filesystem', {}, { ...services(), redis: ownRedis.url })
const { log, mongo, redis, redisPrefix } = installation
const [metadata, titles] = [
  await proxyBefore(installation, 'MONGODB_URL'),
  await proxyBefore(installation, 'REDIS_URL'),
]
const { url } = await installation.start('serve', { ...metadata.variables, ...titles.variables })

/** Returns the reply of Redis to a command, read with redis-cli. */
const command = async (...words: string[]) =>
  (await promisify(execFile)('redis-cli', ['-p', String(ownRedis.port), ...words])).stdout
const send = (words: string) => command(...words.split(' '))
const info = async (line: string) => (await send('INFO persistence')).includes(line)

function overNetwork(name: string, store: StoreFault['store'], proxy: FaultProxy): readonly StoreFault[] {
  const interrupt = (fate: FaultProxy['newConnections']) => async () => {
    proxy.newConnections = fate
    if (fate === 'hang') proxy.silence()
    else proxy.cut()
  }
  const end = () => proxy.recover()
  return [
    { what: `${name} refuses connections`, store, start: () => proxy.refuse(), end },
    { what: `${name} hangs`, store, start: interrupt('hang'), end },
    { what: `${name} resets connections`, store, isLong: true, start: interrupt('reset'), end },
    { what: `${name} delays all data by 10 s`, store, isLong: true, start: async () => (proxy.delay = 10_000), end },
  ]
}

const FAULTS: readonly StoreFault[] = [
  ...overNetwork('MongoDB', 'metadata', metadata.proxy),
  ...overNetwork('Redis', 'titles', titles.proxy),
  {
    what: 'Redis is loading (LOADING)',
    store: 'titles',
    reply: 'LOADING',
    isLong: true,
    async start() {
      await send('BGREWRITEAOF')
      await until('the file is rewritten', () => info('aof_rewrite_in_progress:0'))
      await ownRedis.restart()
    },
    end: () => until('Redis has loaded', async () => (await send('PING')).startsWith('PONG')),
  },
  {
    what: 'Redis is a replica without its master (READONLY)',
    store: 'titles',
    reply: 'READONLY',
    isDetected: false,
    start: () => send('REPLICAOF 127.0.0.1 1'),
    end: () => send('REPLICAOF NO ONE'),
  },
  {
    what: 'Redis is out of memory (OOM)',
    store: 'titles',
    reply: 'OOM',
    isDetected: false,
    start: () => send('CONFIG SET maxmemory 1'),
    end: () => send('CONFIG SET maxmemory 0'),
  },
  {
    what: 'Redis cannot write its snapshot (MISCONF)',
    store: 'titles',
    reply: 'MISCONF',
    isLong: true,
    async start() {
      const removedFolder = await mkdtemp(join(tmpdir(), 'mediaport-gone-'))
      await send(`CONFIG SET dir ${removedFolder}`)
      await rm(removedFolder, { recursive: true })
      await command('CONFIG', 'SET', 'save', '3600 1')
      await send('BGSAVE')
      await until('the snapshot has failed', () => info('rdb_last_bgsave_status:err'))
    },
    end: () => command('CONFIG', 'SET', 'save', ''),
  },
  {
    what: 'Redis requires a password (NOAUTH)',
    store: 'titles',
    reply: 'NOAUTH',
    async start() {
      await send('CONFIG SET requirepass secret')
      titles.proxy.cut()
    },
    end: () => command('-a', 'secret', 'CONFIG', 'SET', 'requirepass', ''),
  },
]

/** Sends an upload, which the fault must not affect. @returns Its id. */
async function uploadDuring(server: string, title: string): Promise<string> {
  const response = await upload(server, log, { title })
  expect(response).toMatchObject({ status: 201 })
  expect(response.seconds).toBeLessThan(1)
  return String(response.body['id'])
}

async function expectDegraded(server: string, store: StoreFault['store'] | undefined): Promise<void> {
  const { status, body } = await request(`${server}/healthcheck/`)
  expect(status).toBe(200)
  expect(body['status']).toBe(store ? 'degraded' : 'ok')
  if (store) expect(JSON.stringify(body['checks'])).toContain(`"${store}":"down"`)
}

const untilProjected = (id: string) =>
  until(
    'the media item is described and cached',
    async () => {
      const [document, title] = await Promise.all([
        mongo.db().collection<{ _id: string }>('media_metadata').findOne({ _id: id }),
        redis.exists(`${redisPrefix}title:${id}`),
      ])
      return document !== null && title === 1
    },
    CONVERGED,
  )

/** The median of nine reads, in seconds. A single read may be slowed down by other processes. */
async function median(address: string): Promise<number> {
  const seconds: number[] = []
  for (let n = 0; n < 9; n++) {
    const response = await request(address)
    seconds.push(response.status === 200 ? response.seconds : Number.POSITIVE_INFINITY)
  }
  return seconds.toSorted((a, b) => a - b)[4] ?? Number.POSITIVE_INFINITY
}

for (const { what, store, isLong = false, isDetected = true, reply, start, end } of FAULTS)
  test(what, isLong ? long : {}, async ({ annotate }) => {
    const earlier = await upload(url, log, { title: `before: ${what}` })
    const title = `${url}/media/${String(earlier.body['id'])}/title/`
    const usual = await median(title)
    await start()
    if (reply !== undefined) expect(await command('SET', 'a', '1')).toMatch(new RegExp(`^${reply}`))
    const id = await uploadDuring(url, `during: ${what}`)
    const slower = (await median(title)) - usual
    expect(slower).toBeLessThan(FALLBACK)
    await expectDegraded(url, isDetected ? store : undefined)
    await end()
    const seconds = await untilProjected(id)
    await annotate(
      `a title ${Math.max(0, slower * 1000).toFixed(0)} ms slower, projected after ${seconds.toFixed(1)} s`,
    )
  })

test('MongoDB refuses the password', async () => {
  const wrongUser = { username: 'unknown', password: 'wrong' }
  const { href } = Object.assign(new URL(installation.variables['MONGODB_URL'] ?? ''), wrongUser)
  const server = await installation.start('serve', { MONGODB_URL: href })
  const id = await uploadDuring(server.url, 'with a wrong password')
  await expectDegraded(server.url, 'metadata')
  await installation.kill(server)
  await untilProjected(id)
})

testVerdict(installation)
cannotTest('MongoDB steps down (NotPrimary)', 'FerretDB has no replica sets')
cannotTest(
  'MongoDB refuses a document permanently',
  'FerretDB has no validators; tests/unit/describe-media.test.ts tests it',
)
