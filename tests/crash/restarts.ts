/**
 * Restarts PostgreSQL, the metadata store and the title cache every few seconds while clients upload, read and change
 * media items.
 */
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { Installation } from './installation.ts'
import { OwnStores } from './own-stores.ts'
import type { Part } from './part.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'
import { Workload } from './workload.ts'

const CLIENTS = 8
const EVERY_MS = 5000
const DOWN_MS = 300
/**
 * Only 503 may follow instead of success, because files do not depend on the stores. 409 answers an upload that is
 * repeated too early.
 */
const OPEN = [409, 503]

export const restarts: Part = async ({ isFull, report }) => {
  const times = isFull ? 12 : 2
  const stores = await OwnStores.start()
  const installation = await Installation.open('filesystem', {}, stores.addresses)
  await installation.start()
  const log = new ClientLog()
  const servers = () => installation.addresses
  const workload = new Workload({ clients: CLIENTS, seed: 1, log, servers, open: OPEN })
  const began = performance.now()
  const restartRepeatedly = async (store: number) => {
    for (let n = 0; n < times; n++) {
      await setTimeout(Math.max(0, began + (n + store / 3) * EVERY_MS - performance.now()))
      report(`restarted ${await stores.restart(store, DOWN_MS)}; ${log.acknowledged.length} uploads acknowledged`)
    }
  }
  await Promise.all([0, 1, 2].map(restartRepeatedly))
  await workload.end()
  const found = await verdict(installation, log)
  for (const violation of violationsIn(found)) report(violation)
  await installation.close()
  await stores.remove()
  return [
    toRow({
      what: `PostgreSQL, MongoDB and Redis each killed and restarted every ${EVERY_MS / 1000} s`,
      times: 3 * times,
      tried: `${times} restarts of each, ${workload.summary} by ${CLIENTS} clients`,
      verdict: found,
    }),
  ]
}
