/**
 * MongoDB and Redis fail in every way. No upload may be affected, titles are read from the rows, and both stores catch
 * up afterwards.
 */
import { FaultProxy } from '../fault-proxy.ts'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { type Check, checkUntil, type Fault, playFaults, skippedRow } from './faults.ts'
import { Installation } from './installation.ts'
import { OwnServer } from './own-server.ts'
import type { Part } from './part.ts'
import { REDIS_OPTIONS, redisFaults, redisReply, type StoreFault } from './redis-faults.ts'
import { format, request, upload } from './timed-requests.ts'

/** The maximum delay of a read while the cache does not answer, in seconds. */
const FALLBACK = 0.2
/** The time after which the projections must agree with the rows again, in ms. */
const CONVERGED = 60_000
const WRONG_USER = { username: 'unknown', password: 'wrong' }

export const projectionFaults: Part = async (options) => {
  const redis = await OwnServer.redis(REDIS_OPTIONS)
  await redis.start()
  const redisUrl = `redis://127.0.0.1:${redis.port}`
  const services = { postgres: addressOf('POSTGRES_URL'), mongo: addressOf('MONGODB_URL'), redis: redisUrl }
  const [installation, log] = [await Installation.open('filesystem', {}, services), new ClientLog()]
  const proxies = { metadata: await before(services.mongo), titles: await before(redisUrl) }
  const { url } = await installation.start('serve', {
    MONGODB_URL: proxies.metadata.inFrontOf(installation.variables['MONGODB_URL'] ?? ''),
    REDIS_URL: proxies.titles.inFrontOf(redisUrl),
  })

  const fault = ({ what, store, isLong = false, isDetected = true, reply, start, end }: StoreFault): Fault => ({
    what,
    isLong,
    isAlone: true,
    async play(check) {
      const earlier = await upload(url, log, { title: `before: ${what}` })
      const title = `${url}/media/${String(earlier.body['id'])}/title/`
      const usual = await median(title)
      await start()
      if (reply !== undefined) {
        const actual = await redisReply(redis, 'SET', 'a', '1')
        check(`Redis answers ${actual.split(' ')[0]?.trim()}`, actual.startsWith(reply))
      }
      const during = await upload(url, log, { title: `during: ${what}` })
      check(`upload ${format(during)}`, during.status === 201 && during.seconds < 1)
      const slower = (await median(title)) - usual
      check(`a title ${Math.max(0, slower * 1000).toFixed(0)} ms slower`, slower < FALLBACK)
      await checkHealth(check, url, isDetected ? store : undefined)
      await end()
      const { id } = during.body
      await checkUntil(check, 'described and cached', () => has(installation, String(id)), CONVERGED)
    },
  })
  const storeFaults = [
    ...overNetwork('MongoDB', 'metadata', proxies.metadata),
    ...overNetwork('Redis', 'titles', proxies.titles),
    ...redisFaults(redis, () => proxies.titles.cut()),
  ]
  const unauthenticated: Fault = {
    what: 'MongoDB refuses the password',
    isAlone: true,
    async play(check) {
      const { href } = Object.assign(new URL(installation.variables['MONGODB_URL'] ?? ''), WRONG_USER)
      const server = await installation.start('serve', { MONGODB_URL: href })
      const during = await upload(server.url, log, { title: 'with a wrong password' })
      check(`upload ${format(during)}`, during.status === 201 && during.seconds < 1)
      await checkHealth(check, server.url, 'metadata')
      await installation.kill(server)
      const { id } = during.body
      await checkUntil(check, 'described and cached', () => has(installation, String(id)), CONVERGED)
    },
  }
  const faults = [...storeFaults.map(fault), unauthenticated]
  const rows = await playFaults('MongoDB and Redis', faults, installation, log, options)
  for (const proxy of Object.values(proxies)) proxy.close()
  await redis.remove()
  return [
    ...rows,
    skippedRow('MongoDB steps down (NotPrimary)', 'FerretDB has no replica sets'),
    skippedRow(
      'MongoDB refuses a document permanently',
      'FerretDB has no validators; tests/unit/describe-media.test.ts tests it',
    ),
  ]
}

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

async function checkHealth(check: Check, url: string, store: StoreFault['store'] | undefined): Promise<void> {
  const { status, body, seconds } = await request(`${url}/healthcheck/`)
  const isRight = status === 200 && body['status'] === (store ? 'degraded' : 'ok')
  const isReported = !store || JSON.stringify(body['checks']).includes(`"${store}":"down"`)
  check(`health ${status} ${String(body['status'])} after ${seconds.toFixed(1)} s`, isRight && isReported)
}

async function has({ mongo, redis, redisPrefix }: Installation, id: string): Promise<boolean> {
  const [document, title] = await Promise.all([
    mongo.db().collection<{ _id: string }>('media_metadata').findOne({ _id: id }),
    redis.exists(`${redisPrefix}title:${id}`),
  ])
  return document !== null && title === 1
}

/** The median of nine reads, in seconds. A single read may be slowed down by other processes. */
async function median(url: string): Promise<number> {
  const seconds: number[] = []
  for (let n = 0; n < 9; n++) {
    const answer = await request(url)
    seconds.push(answer.status === 200 ? answer.seconds : Number.POSITIVE_INFINITY)
  }
  return seconds.toSorted((a, b) => a - b)[4] ?? Number.POSITIVE_INFINITY
}

const before = (url: string): Promise<FaultProxy> => FaultProxy.before(Number(new URL(url).port))
