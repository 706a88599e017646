/**
 * Kills two servers, which also run jobs, and a worker at random moments while clients upload, read and change media
 * items.
 */
import { setTimeout } from 'node:timers/promises'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { Installation, type StorageName } from './installation.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { seeded } from './seeded.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'
import { Workload } from './workload.ts'

const CLIENTS = 8
const SEED = 2
/** The maximum time between two kills. */
const PAUSE_MS = 1000
/** The share of processes that are killed while they start. */
const EARLY = 0.1

const STORAGES: Readonly<Record<StorageName, string>> = {
  filesystem: 'the filesystem',
  imagekit: 'ImageKit (a local server)',
}

export const randomKills: Part = async (options) => {
  const kills = options.isFull ? 250 : 13
  return Promise.all([killAtRandom('filesystem', kills, options), killAtRandom('imagekit', kills, options)])
}

async function killAtRandom(storage: StorageName, kills: number, { report }: PartOptions): Promise<Row> {
  const installation = await Installation.open(storage)
  const server = () => installation.launch('serve')
  const launchers: (() => ServerProcess)[] = [server, server, () => installation.launch('worker')]
  const running = [await installation.start('serve'), server(), installation.launch('worker')]
  const log = new ClientLog()
  const workload = new Workload({ clients: CLIENTS, seed: SEED, log, servers: () => installation.addresses })
  const random = seeded(SEED)
  for (let kill = 1; kill <= kills; kill++) {
    await setTimeout(random() * PAUSE_MS)
    const n = Math.floor(random() * running.length)
    const victim = running[n]
    if (victim && random() > EARLY) await victim.ready(n < 2 ? undefined : 'working')
    if (victim) await installation.kill(victim)
    const next = launchers[n]?.()
    if (next) running[n] = next
    if (kill % 10 === 0) report(`${storage}: killed ${kill} times; ${log.acknowledged.length} uploads acknowledged`)
  }
  await workload.end()
  const found = await verdict(installation, log)
  for (const violation of violationsIn(found)) report(violation)
  await installation.close()
  return toRow({
    what: `two servers and a worker on ${STORAGES[storage]}, PostgreSQL, MongoDB and Redis, killed (-9) at random moments`,
    times: kills,
    tried: `${kills} kills, ${workload.summary} by ${CLIENTS} clients`,
    verdict: found,
  })
}
