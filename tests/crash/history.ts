/**
 * Clients log every call and every answer while processes are killed and stopped and stores restarted, and a checker
 * looks whether each media was one register all the time.
 */
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { anomaliesIn } from './history/check.ts'
import { Faults } from './history/faults.ts'
import { play, readAll } from './history/players.ts'
import { Recorder } from './history/recorder.ts'
import { Installation } from './installation.ts'
import { OwnStores } from './own-stores.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { seeded } from './seeded.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const CLIENTS = 8
/** With it, a brief run meets faults of every kind. */
const SEED = 2
const FAULT_EVERY_MS = 2000
/** At least so long, that a title which is too old has time to be. */
const [SECONDS, OPERATIONS] = [120, 20_000]
const PLANTED_OPERATIONS = 800

export const history: Part = async (options) => [
  await underFaults(options),
  ...(await Promise.all([
    planted('a title cache that looks at no version', 'plant-blind-cache.ts', /^older/, options),
    planted('a list that shows what is not complete', 'plant-early-list.ts', /^half/, options),
  ])),
]

async function underFaults({ isFull, say }: Options): Promise<Row> {
  const stores = await OwnStores.start()
  const installation = await Installation.open('filesystem', {}, stores.addresses)
  const random = seeded(SEED)
  const faults = await Faults.start(installation, stores, random)
  const log = new ClientLog()
  // Of its own: how often it is asked for is not the same twice, and the faults are to be.
  const choice = seeded(SEED + 1)
  const recorder = new Recorder(() => installation.addresses[Math.floor(choice() * installation.addresses.length)])
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const isEnough = () => seconds() > (isFull ? SECONDS : 16) && recorder.answered >= (isFull ? OPERATIONS : 500)
  const over = new AbortController()
  const playing = play({ recorder, log, clients: CLIENTS, seed: SEED, isOver: () => over.signal.aborted })
  // Heard below, when the faults have ended.
  playing.catch(() => undefined)
  while (!isEnough()) {
    await setTimeout(FAULT_EVERY_MS)
    say(`${await faults.next()}; ${recorder.answered} operations answered`)
  }
  await faults.end()
  over.abort()
  await playing
  const found = await verdict(installation, log)
  await readAll(recorder)
  await installation.close()
  await stores.remove()

  const anomalies = anomaliesIn(recorder)
  const { answered, operations } = recorder
  for (const offender of [...offendersIn(found), ...anomalies.slice(0, 20)]) say(offender)
  const times = [...faults.done.values()].reduce((sum, each) => sum + each, 0)
  const lists = operations.filter(({ isWhole, isSettled }) => isWhole && !isSettled).length
  const media = new Set(operations.map(({ id }) => id)).size
  return toRow({
    what: `history of ${CLIENTS} clients of two servers, with a fault every ${FAULT_EVERY_MS / 1000} s`,
    times,
    tried: `${faults.summary}; ${answered} operations on ${media} media`,
    verdict: found,
    also: `${anomalies.length} anomalies`,
    isRight: anomalies.length === 0 && lists > 0,
  })
}

/** The same without faults, on a server with a fault of its own, which has to be found. */
async function planted(what: string, plant: string, anomaly: RegExp, { say }: Options): Promise<Row> {
  const NODE_OPTIONS = `--import=${new URL(`history/${plant}`, import.meta.url).href}`
  const installation = await Installation.open('filesystem', { NODE_OPTIONS })
  const servers = [await installation.start(), await installation.start()]
  const random = seeded(SEED)
  const log = new ClientLog()
  const recorder = new Recorder(() => servers[Math.floor(random() * servers.length)]?.url)
  const isOver = () => recorder.answered >= PLANTED_OPERATIONS
  await play({ recorder, log, clients: CLIENTS, seed: SEED, isOver })
  // What is planted may keep it from ever being as it should.
  await verdict(installation, log, { patience: 5000 })
  await readAll(recorder)
  await installation.close()
  const found = anomaliesIn(recorder).filter((each) => anomaly.test(each))
  say(`planted ${what}: ${found.length} anomalies, such as ${found[0]}`)
  return {
    what: `planted: ${what}`,
    tried: `${recorder.answered} operations`,
    outcome: found.length > 0 ? 'found' : 'not found',
    isAsPromised: found.length > 0,
    counts: { times: 1, lost: 0, doubled: 0, orphaned: 0 },
  }
}

if (import.meta.main) await runAlone(history)
