import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { type Connections, connect, type OnTrouble } from './connections.ts'
import { adapterNames, buildContainer, filesFolder, MEDIAPORT } from './container.ts'
import { runWorker } from './run-worker.ts'

/** A server that starts beside the worker needs less. */
const WARN_AFTER_SECONDS = 15

/** Without the server's files every discard would succeed at nothing, so a worker waits until they are there. */
async function filesOf(config: Config, { installation }: Connections, log: Logger): Promise<void> {
  const folder = filesFolder(config, installation)
  for (let seconds = 0; !existsSync(folder); seconds++) {
    if (seconds === WARN_AFTER_SECONDS)
      log.warn(`waiting for ${folder}, where the server keeps its files: DATA_DIR has to be the server's`)
    await setTimeout(1000)
  }
}

/** Written anew every few seconds, also while the worker waits for a store: a container's health check looks at its age. */
const ALIVE = join(tmpdir(), 'mediaport-worker.alive')
const ALIVE_EVERY_MS = 5000
const showAlive = () => void writeFile(ALIVE, '').catch(() => undefined)

/**
 * A process of its own for the jobs of servers that run with `WORKER=off`.
 * @returns stops it: jobs under way are ended or left to others.
 */
export async function work(config: Config, log: Logger): Promise<() => Promise<void>> {
  showAlive()
  const alive = setInterval(showAlive, ALIVE_EVERY_MS)
  const onTrouble: OnTrouble = (error, message) => log.warn({ err: error }, message)
  const connections = await connect(config, { onTrouble, patient: true })
  await filesOf(config, connections, log)
  const mediaport = (await buildContainer(config, connections)).resolve(MEDIAPORT)
  const stopReaping = await runWorker(mediaport, connections.jobs, config.reapEverySeconds, onTrouble)
  for (const [port, adapter] of Object.entries(adapterNames(config))) log.info(`${port}: ${adapter}`)
  log.info('working')
  return async () => {
    clearInterval(alive)
    stopReaping()
    await mediaport.close()
    await connections.close()
  }
}
