/**
 * Records every request and response of several clients while processes are killed and stopped and stores are
 * restarted. A checker then decides whether each media item behaved like one register.
 */
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { anomaliesIn } from './history/check.ts'
import { Faults } from './history/faults.ts'
import { play, readAll } from './history/players.ts'
import { Recorder } from './history/recorder.ts'
import { Installation, preload } from './installation.ts'
import { OwnStores } from './own-stores.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { seeded } from './seeded.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'

const CLIENTS = 8
/** With this seed a short run has faults of every kind. */
const SEED = 2
const FAULT_EVERY_MS = 2000
/** The minimum of a full run. It is long enough for a cached title to become too old. */
const [SECONDS, OPERATIONS] = [120, 20_000]
const PLANTED_OPERATIONS = 800

export const history: Part = async (options) => [
  await underFaults(options),
  ...(await Promise.all([
    planted('a title cache that ignores versions', 'plant-blind-cache.ts', /^older/, options),
    planted('a list that shows incomplete uploads', 'plant-early-list.ts', /^half/, options),
  ])),
]

async function underFaults({ isFull, report }: PartOptions): Promise<Row> {
  const stores = await OwnStores.start()
  const installation = await Installation.open('filesystem', {}, stores.addresses)
  const random = seeded(SEED)
  const faults = await Faults.start(installation, stores, random)
  const log = new ClientLog()
  // A separate generator: the number of requests differs between runs, but the faults must not.
  const choice = seeded(SEED + 1)
  const recorder = new Recorder(() => installation.addresses[Math.floor(choice() * installation.addresses.length)])
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const hasEnough = () => seconds() > (isFull ? SECONDS : 16) && recorder.answered >= (isFull ? OPERATIONS : 500)
  const stop = new AbortController()
  const clients = play({ recorder, log, clients: CLIENTS, seed: SEED, isOver: () => stop.signal.aborted })
  // Awaited below, after the faults.
  clients.catch(() => undefined)
  while (!hasEnough()) {
    await setTimeout(FAULT_EVERY_MS)
    report(`${await faults.next()}; ${recorder.answered} operations answered`)
  }
  await faults.end()
  stop.abort()
  await clients
  const found = await verdict(installation, log)
  await readAll(recorder)
  await installation.close()
  await stores.remove()

  const anomalies = anomaliesIn(recorder)
  const { answered, operations } = recorder
  for (const violation of [...violationsIn(found), ...anomalies.slice(0, 20)]) report(violation)
  const times = [...faults.done.values()].reduce((sum, each) => sum + each, 0)
  const lists = operations.filter(({ isWhole, isSettled }) => isWhole && !isSettled).length
  const media = new Set(operations.map(({ id }) => id)).size
  return toRow({
    what: `history of ${CLIENTS} clients of two servers with a fault every ${FAULT_EVERY_MS / 1000} s`,
    times,
    tried: `${faults.summary}; ${answered} operations on ${media} media items`,
    verdict: found,
    details: `${anomalies.length} anomalies`,
    isRight: anomalies.length === 0 && lists > 0,
  })
}

/** Runs the clients without faults on a server with a planted anomaly, which the checker must find. */
async function planted(what: string, plant: string, anomaly: RegExp, { report }: PartOptions): Promise<Row> {
  const installation = await Installation.open('filesystem', { NODE_OPTIONS: preload(`history/${plant}`) })
  const servers = [await installation.start(), await installation.start()]
  const random = seeded(SEED)
  const log = new ClientLog()
  const recorder = new Recorder(() => servers[Math.floor(random() * servers.length)]?.url)
  const isOver = () => recorder.answered >= PLANTED_OPERATIONS
  await play({ recorder, log, clients: CLIENTS, seed: SEED, isOver })
  // The planted anomaly may prevent a clean verdict.
  await verdict(installation, log, { timeoutMs: 5000 })
  await readAll(recorder)
  await installation.close()
  const found = anomaliesIn(recorder).filter((each) => anomaly.test(each))
  report(`planted ${what}: ${found.length} anomalies, for example ${found[0]}`)
  return {
    what: `planted: ${what}`,
    tried: `${recorder.answered} operations`,
    outcome: found.length > 0 ? 'found' : 'not found',
    passed: found.length > 0,
    counts: { times: 1, lost: 0, doubled: 0, orphaned: 0 },
  }
}
