/** Restarts PostgreSQL, the metadata store and the title cache every few seconds, under clients that upload, read and change. */
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
/** Beside success, nothing but 503 is right: files are where they always were. 409 is said to whom sends again too soon. */
const OPEN = [409, 503]

export const restarts: Part = async ({ isFull, say }) => {
  const times = isFull ? 12 : 2
  const stores = await OwnStores.start()
  const installation = await Installation.open('filesystem', {}, stores.addresses)
  await installation.start()
  const log = new ClientLog()
  const servers = () => installation.addresses
  const crew = new Crew({ clients: CLIENTS, seed: 1, log, servers, open: OPEN })
  const began = performance.now()
  const restartAgainAndAgain = async (store: number) => {
    for (let n = 0; n < times; n++) {
      await setTimeout(Math.max(0, began + (n + store / 3) * EVERY_MS - performance.now()))
      say(`restarts ${await stores.restart(store, DOWN_MS)}; ${log.acknowledged.length} uploads acknowledged`)
    }
  }
  await Promise.all([0, 1, 2].map(restartAgainAndAgain))
  await crew.end()
  const found = await verdict(installation, log)
  for (const offender of offendersIn(found)) say(offender)
  await installation.close()
  await stores.remove()
  return [
    toRow({
      what: `PostgreSQL, MongoDB and Redis each killed and started again every ${EVERY_MS / 1000} s`,
      times: 3 * times,
      tried: `${times} restarts of each, ${crew.summary} by ${CLIENTS} clients`,
      verdict: found,
    }),
  ]
}

if (import.meta.main) await runAlone(restarts)
