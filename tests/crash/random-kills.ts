/** Kills two servers, which do jobs, too, and a worker at random moments, on real services, under clients that upload, read and change. */
import { setTimeout } from 'node:timers/promises'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { Crew } from './crew.ts'
import { Installation, type StorageName } from './installation.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { seeded } from './seeded.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const CLIENTS = 8
const SEED = 2
/** Between two kills, at most. */
const PAUSE_MS = 1000
/** Those of the three that are killed while they start. */
const EARLY = 0.1

const STORAGES: Readonly<Record<StorageName, string>> = {
  filesystem: 'the filesystem',
  imagekit: 'ImageKit (its double)',
}

export const randomKills: Part = async (options) => {
  const kills = options.isFull ? 250 : 13
  return Promise.all([killAtRandom('filesystem', kills, options), killAtRandom('imagekit', kills, options)])
}

async function killAtRandom(storage: StorageName, kills: number, { say }: Options): Promise<Row> {
  const installation = await Installation.open(storage)
  const server = () => installation.launch('serve')
  const crewOf: (() => ServerProcess)[] = [server, server, () => installation.launch('worker')]
  const running = [await installation.start('serve'), server(), installation.launch('worker')]
  const log = new ClientLog()
  const crew = new Crew({ clients: CLIENTS, seed: SEED, log, servers: () => installation.addresses })
  const random = seeded(SEED)
  for (let kill = 1; kill <= kills; kill++) {
    await setTimeout(random() * PAUSE_MS)
    const n = Math.floor(random() * running.length)
    const victim = running[n]
    if (victim && random() > EARLY) await victim.ready(n < 2 ? undefined : 'working')
    if (victim) await installation.kill(victim)
    const next = crewOf[n]?.()
    if (next) running[n] = next
    if (kill % 10 === 0) say(`${storage}: killed ${kill} times; ${log.acknowledged.length} uploads acknowledged`)
  }
  await crew.end()
  const found = await verdict(installation, log)
  for (const offender of offendersIn(found)) say(offender)
  await installation.close()
  return toRow({
    what: `two servers and a worker on ${STORAGES[storage]}, PostgreSQL, MongoDB and Redis, killed (-9) at random moments`,
    times: kills,
    tried: `${kills} kills, ${crew.summary} by ${CLIENTS} clients`,
    verdict: found,
  })
}

if (import.meta.main) await runAlone(randomKills)
