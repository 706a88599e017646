/**
 * Kills and stops processes and restarts stores at random while clients upload, read, change and delete media items.
 * Then the stores and the history of the clients are judged.
 */
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, type TestContext, test } from 'vitest'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { request } from './client.ts'
import { Load, underLoad } from './history/load.ts'
import { Installation, LEASE, preload, type Services, type StorageName, type Variables } from './installation.ts'
import { OwnServer } from './own-server.ts'
import { seeded } from './seeded.ts'
import { concurrent, isFull } from './suite.ts'
import { verdict } from './verdict.ts'

const CLIENTS = 8
/** With this seed a short run has faults of every kind. */
const SEED = 2
const KILLS = isFull ? 250 : 13
/** The maximum time between two kills. */
const PAUSE_MS = 1000
/** The share of processes that are killed while they start. */
const EARLY = 0.1
const RESTARTS = isFull ? 12 : 2
const RESTART_EVERY_MS = 5000
const DOWN_MS = 300
const FAULT_EVERY_MS = 2000
/** The minimum of a run. A full one is long enough for a cached title to become too old. */
const [SECONDS, OPERATIONS] = isFull ? [120, 20_000] : [16, 500]
const PLANTED_OPERATIONS = 800

const stores = [await OwnServer.postgres(), await OwnServer.mongo(), await OwnServer.redis()] as const
afterAll(() => Promise.all(stores.map((each) => each.remove())))
await Promise.all(stores.map((each) => each.start()))
const ownServices: Services = { postgres: stores[0].url, mongo: stores[1].url, redis: stores[2].url }

async function open({ onTestFinished }: TestContext, storage: StorageName, extra?: Variables, services?: Services) {
  const installation = await Installation.open(storage, extra, services)
  onTestFinished(() => installation.close())
  return installation
}

test.for(['filesystem', 'imagekit'] as const)(
  'two servers and a worker on %s are killed (-9) at random moments',
  { ...concurrent, meta: { tried: KILLS } },
  async (storage, context) => {
    const installation = await open(context, storage)
    const server = () => installation.launch('serve')
    const launchers: (() => ServerProcess)[] = [server, server, () => installation.launch('worker')]
    const running = [await installation.start('serve'), server(), installation.launch('worker')]
    const random = seeded(SEED)
    await underLoad(installation, { clients: CLIENTS, seed: SEED }, context, async () => {
      for (let kill = 1; kill <= KILLS; kill++) {
        await setTimeout(random() * PAUSE_MS)
        const n = Math.floor(random() * running.length)
        const victim = running[n]
        if (victim && random() > EARLY) await victim.ready(n < 2 ? undefined : 'working')
        if (victim) await installation.kill(victim)
        const next = launchers[n]?.()
        if (next) running[n] = next
      }
    })
  },
)

/** Their checker must find these anomalies. */
const PLANTED = [
  ['a title cache that ignores versions', 'plant-blind-cache.ts', /^older/],
  ['a list that shows incomplete uploads', 'plant-early-list.ts', /^half/],
] as const

test.for(PLANTED)('planted: %s', async ([, plant, anomaly], context) => {
  const installation = await open(context, 'filesystem', { NODE_OPTIONS: preload(`history/${plant}`) })
  for (let n = 0; n < 2; n++) await installation.start()
  const { log } = installation
  const load = new Load({ log, servers: () => installation.addresses, clients: CLIENTS, seed: SEED })
  while (load.answered < PLANTED_OPERATIONS) await setTimeout(100)
  await load.end()
  // The planted anomaly may prevent a clean verdict.
  await verdict(installation, 5000)
  const found = (await load.anomalies()).filter((each) => anomaly.test(each))
  await context.annotate(`${found.length} anomalies, for example ${found[0]}`)
  expect(found).not.toEqual([])
})

test('two servers, two workers and two reapers work on one database', async (context) => {
  const installation = await open(context, 'filesystem')
  for (const command of ['serve', 'serve', 'worker', 'worker'] as const) await installation.start(command)
  await underLoad(installation, { clients: 4, seed: 3 }, context, () => setTimeout(isFull ? 60_000 : 8000))
  const lists = await Promise.all(installation.addresses.map((each) => request(`${each}/media/?limit=100`)))
  const [here, there] = lists.map(({ body }) => (body['items'] as { id: string }[]).map(({ id }) => id))
  expect(here?.length).toBeGreaterThan(0)
  expect(here).toEqual(there)
})

test(`PostgreSQL, MongoDB and Redis are each killed and restarted every ${RESTART_EVERY_MS / 1000} s`, {
  meta: { tried: 3 * RESTARTS },
}, async (context) => {
  const installation = await open(context, 'filesystem', {}, ownServices)
  await installation.start()
  await underLoad(installation, { clients: CLIENTS, seed: 1 }, context, async () => {
    const start = performance.now()
    const restartRepeatedly = async (store: OwnServer, nth: number) => {
      for (let n = 0; n < RESTARTS; n++) {
        await setTimeout(Math.max(0, start + (n + nth / 3) * RESTART_EVERY_MS - performance.now()))
        await store.restart(DOWN_MS)
      }
    }
    await Promise.all(stores.map(restartRepeatedly))
  })
})

test(`a kill, a pause or a restart every ${FAULT_EVERY_MS / 1000} s`, async (context) => {
  const installation = await open(context, 'filesystem', {}, ownServices)
  const running: { readonly command: 'serve' | 'worker'; process: ServerProcess }[] = []
  for (const command of ['serve', 'serve', 'worker'] as const)
    running.push({ command, process: await installation.start(command) })
  const pauses: Promise<void>[] = []
  const pause = async ({ child }: ServerProcess, seconds: number) => {
    child.kill('SIGSTOP')
    await setTimeout(seconds * 1000)
    child.kill('SIGCONT')
  }
  const random = seeded(SEED)
  const kinds = ['kill', 'kill', 'pause within the lease', 'pause beyond the lease', 'restart'] as const
  const done = new Map<string, number>()
  const causeFault = async () => {
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'kill'
    done.set(kind, (done.get(kind) ?? 0) + 1)
    if (kind === 'restart') return stores[Math.floor(random() * stores.length)]?.restart(DOWN_MS)
    const victim = running[Math.floor(random() * running.length)]
    if (!victim) return
    if (kind !== 'kill')
      return void pauses.push(pause(victim.process, kind === 'pause within the lease' ? LEASE / 2 : LEASE * 2))
    // SIGKILL also ends a paused process.
    await installation.kill(victim.process)
    victim.process = installation.launch(victim.command)
  }
  await underLoad(installation, { clients: CLIENTS, seed: SEED, timeoutMs: 1500 }, context, async (load) => {
    const start = performance.now()
    while (performance.now() - start < SECONDS * 1000 || load.answered < OPERATIONS) {
      await setTimeout(FAULT_EVERY_MS)
      await causeFault()
    }
    await Promise.all(pauses)
  })
  context.task.meta.tried = [...done.values()].reduce((sum, times) => sum + times, 0)
  await context.annotate([...done].map(([kind, times]) => `${times} × ${kind}`).join(', '))
})
