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

/** Without the server's files every discard would succeed at nothing, so a worker waits until they are there. */
async function filesOf(config: Config, { installation }: Connections, log: Logger): Promise<void> {
  const folder = filesFolder(config, installation)
  for (let isTold = false; !existsSync(folder); isTold = true) {
    if (!isTold) log.warn(`waiting for ${folder}, where the server keeps its files: DATA_DIR has to be the server's`)
    await setTimeout(1000)
  }
}

/** Young while the worker does its rounds: a container's health check looks at it. */
const ALIVE = join(tmpdir(), 'mediaport-worker.alive')
const showAlive = () => void writeFile(ALIVE, '').catch(() => undefined)

/**
 * A process of its own for the jobs of servers that run with `WORKER=off`.
 * @returns stops it: jobs under way are ended or left to others.
 */
export async function work(config: Config, log: Logger): Promise<() => Promise<void>> {
  const onTrouble: OnTrouble = (error, message) => log.warn({ err: error }, message)
  const connections = await connect(config, { onTrouble, patient: true })
  await filesOf(config, connections, log)
  const mediaport = (await buildContainer(config, connections)).resolve(MEDIAPORT)
  const stopReaping = await runWorker(mediaport, connections.jobs, config.reapEverySeconds, onTrouble, showAlive)
  for (const [port, adapter] of Object.entries(adapterNames(config))) log.info(`${port}: ${adapter}`)
  log.info('working')
  return async () => {
    stopReaping()
    await mediaport.close()
    await connections.close()
  }
}
