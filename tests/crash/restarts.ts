/** Restarts PostgreSQL, the metadata store and the title cache in turn, under clients that upload, read and change. */
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { Crew } from './crew.ts'
import { Installation } from './installation.ts'
import { OwnStores } from './own-stores.ts'
import { type Part, runAlone } from './part.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const CLIENTS = 8
const EVERY_MS = 5000
const DOWN_MS = 300

export const restarts: Part = async ({ isFull, say }) => {
  const times = isFull ? 36 : 6
  const stores = await OwnStores.start()
  const installation = await Installation.open('filesystem', {}, stores.addresses)
  await installation.start()
  const log = new ClientLog()
  const crew = new Crew({ clients: CLIENTS, seed: 1, log, servers: () => installation.addresses })
  for (let n = 0; n < times; n++) {
    await setTimeout(EVERY_MS / 3)
    say(`restarts ${await stores.restart(n, DOWN_MS)}; ${log.acknowledged.length} uploads acknowledged`)
  }
  await crew.end()
  const found = await verdict(installation, log)
  for (const offender of offendersIn(found)) say(offender)
  await installation.close()
  await stores.remove()
  return [
    toRow({
      what: 'PostgreSQL, MongoDB and Redis killed and started again in turn',
      times,
      tried: `${times} restarts, ${crew.summary} by ${CLIENTS} clients`,
      verdict: found,
    }),
  ]
}

if (import.meta.main) await runAlone(restarts)
