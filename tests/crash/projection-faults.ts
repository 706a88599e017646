/** MongoDB and Redis fail in every way: no upload may notice, titles are read from the rows, and both catch up afterwards. */
import { FaultProxy } from '../fault-proxy.ts'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, notHere, playFaults, type See, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { OwnServer } from './own-server.ts'
import { type Part, runAlone } from './part.ts'
import { REDIS_OPTIONS, redisTroubles, saidBy, type Trouble } from './redis-troubles.ts'
import { inWords, told, upload } from './told.ts'

/** What a cache that does not answer may cost a reader, in seconds. */
const FALLBACK = 0.2
/** How soon the projections have to agree with the rows again, in ms. */
const CONVERGED = 60_000
const SOMEBODY = { username: 'somebody', password: 'wrong' }

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

  const fault = ({ what, store, isLong = false, isSeen = true, says, begin, end }: Trouble): Fault => ({
    what,
    isLong,
    isAlone: true,
    async play(see) {
      const sound = await upload(url, log, { title: `before: ${what}` })
      const title = `${url}/media/${String(sound.body['id'])}/title/`
      const usual = await median(title)
      await begin()
      if (says !== undefined) {
        const said = await saidBy(redis, 'SET', 'a', '1')
        see(`Redis says ${said.split(' ')[0]?.trim()}`, said.startsWith(says))
      }
      const during = await upload(url, log, { title: `during: ${what}` })
      see(`upload ${inWords(during)}`, during.status === 201 && during.seconds < 1)
      const slower = (await median(title)) - usual
      see(`a title ${Math.max(0, slower * 1000).toFixed(0)} ms slower`, slower < FALLBACK)
      await seeHealth(see, url, isSeen ? store : undefined)
      await end()
      const { id } = during.body
      await seeUntil(see, 'described and cached', () => has(installation, String(id)), CONVERGED)
    },
  })
  const troubles = [
    ...overNetwork('MongoDB', 'metadata', proxies.metadata),
    ...overNetwork('Redis', 'titles', proxies.titles),
    ...redisTroubles(redis, () => proxies.titles.cut()),
  ]
  const unauthenticated: Fault = {
    what: 'MongoDB refuses the password',
    isAlone: true,
    async play(see) {
      const { href } = Object.assign(new URL(installation.variables['MONGODB_URL'] ?? ''), SOMEBODY)
      const server = await installation.start('serve', { MONGODB_URL: href })
      const during = await upload(server.url, log, { title: 'with a wrong password' })
      see(`upload ${inWords(during)}`, during.status === 201 && during.seconds < 1)
      await seeHealth(see, server.url, 'metadata')
      await installation.kill(server)
      const { id } = during.body
      await seeUntil(see, 'described and cached', () => has(installation, String(id)), CONVERGED)
    },
  }
  const faults = [...troubles.map(fault), unauthenticated]
  const rows = await playFaults('MongoDB and Redis', faults, installation, log, options)
  for (const proxy of Object.values(proxies)) proxy.close()
  await redis.remove()
  return [
    ...rows,
    notHere('MongoDB steps down (NotPrimary)', 'the server that speaks its protocol here has no replica set'),
    notHere(
      'MongoDB refuses a document for good',
      'that server knows no validators; tests/unit/describe-media.test.ts plays it',
    ),
  ]
}

function overNetwork(name: string, store: Trouble['store'], proxy: FaultProxy): readonly Trouble[] {
  const sets = (fate: FaultProxy['newOnes']) => async () => {
    proxy.newOnes = fate
    if (fate === 'hang') proxy.silence()
    else proxy.cut()
  }
  const end = () => proxy.recover()
  return [
    { what: `${name} refuses connections`, store, begin: () => proxy.refuse(), end },
    { what: `${name} hangs`, store, begin: sets('hang'), end },
    { what: `${name} resets connections`, store, isLong: true, begin: sets('reset'), end },
    { what: `${name} takes 10 s for everything`, store, isLong: true, begin: async () => (proxy.delay = 10_000), end },
  ]
}

async function seeHealth(see: See, url: string, store: Trouble['store'] | undefined): Promise<void> {
  const { status, body, seconds } = await told(`${url}/healthcheck/`)
  const isRight = status === 200 && body['status'] === (store ? 'degraded' : 'ok')
  const isNamed = !store || JSON.stringify(body['checks']).includes(`"${store}":"down"`)
  see(`health ${status} ${String(body['status'])} after ${seconds.toFixed(1)} s`, isRight && isNamed)
}

async function has({ mongo, redis, redisPrefix }: Installation, id: string): Promise<boolean> {
  const [document, title] = await Promise.all([
    mongo.db().collection<{ _id: string }>('media_metadata').findOne({ _id: id }),
    redis.exists(`${redisPrefix}title:${id}`),
  ])
  return document !== null && title === 1
}

/** Of nine readings, in seconds: one of them may meet something else that goes on here. */
async function median(url: string): Promise<number> {
  const seconds: number[] = []
  for (let n = 0; n < 9; n++) {
    const answer = await told(url)
    seconds.push(answer.status === 200 ? answer.seconds : Number.POSITIVE_INFINITY)
  }
  return seconds.toSorted((a, b) => a - b)[4] ?? Number.POSITIVE_INFINITY
}

const before = (url: string): Promise<FaultProxy> => FaultProxy.before(Number(new URL(url).port))

if (import.meta.main) await runAlone(projectionFaults)
