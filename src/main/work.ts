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

/** A server that starts at the same time creates the folder sooner. */
const WAIT_WARNING_SECONDS = 15

/** Waits until the server's folder of files exists. Without it every discard would succeed and delete nothing. */
async function waitForFiles(config: Config, { installation }: Connections, log: Logger): Promise<void> {
  const folder = filesFolder(config, installation)
  for (let seconds = 0; !existsSync(folder); seconds++) {
    if (seconds === WAIT_WARNING_SECONDS)
      log.warn(`waiting for ${folder}, which the server creates; DATA_DIR must be the same as the server's`)
    await setTimeout(1000)
  }
}

/** The health check of the container reads the age of this file. A worker that waits for a service also writes it. */
const ALIVE_FILE = join(tmpdir(), 'mediaport-worker.alive')
const ALIVE_INTERVAL_MS = 5000
const writeAliveFile = () => void writeFile(ALIVE_FILE, '').catch(() => undefined)

/**
 * Runs this process as a worker. It does the jobs of servers with `WORKER=off`.
 *
 * @returns A function that stops the worker. It waits up to 10 s for jobs in progress and leaves the rest to other
 * processes.
 */
export async function work(config: Config, log: Logger): Promise<() => Promise<void>> {
  writeAliveFile()
  const timer = setInterval(writeAliveFile, ALIVE_INTERVAL_MS)
  const onTrouble: OnTrouble = (error, message) => log.warn({ err: error }, message)
  const connections = await connect(config, { onTrouble, waitsForServer: true, isWorker: true })
  await waitForFiles(config, connections, log)
  const mediaport = (await buildContainer(config, connections)).resolve(MEDIAPORT)
  const stopReaping = await runWorker(mediaport, connections.jobs, config.reapEverySeconds, onTrouble)
  for (const [port, adapter] of Object.entries(adapterNames(config))) log.info(`${port}: ${adapter}`)
  log.info('working')
  return async () => {
    clearInterval(timer)
    stopReaping()
    await mediaport.close()
    await connections.close()
  }
}
