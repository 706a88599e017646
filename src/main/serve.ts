import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Logger } from 'pino'
import { createApp } from '../adapters/http/app.ts'
import { closeServer, createHttpServer, serveApp } from '../adapters/http/http-server.ts'
import type { Mediaport } from '../application/mediaport.ts'
import { addressOf } from './address.ts'
import type { Config } from './config.ts'
import { type Connections, connect, type OnTrouble } from './connections.ts'
import { adapterNames, buildContainer, filesFolder, MEDIAPORT } from './container.ts'
import { makeFolder } from './data-dir.ts'
import { runWorker } from './run-worker.ts'
import { trimMemory } from './trim-memory.ts'

/** How long requests under way may go on after the server was asked to stop, in milliseconds. */
const DRAIN_MS = 30_000

export interface RunningServer {
  /** Where it listens. */
  readonly url: string
  /** Settles once uploads are taken; rejects when the database can't be opened. */
  readonly ready: Promise<unknown>
  /** Takes nothing new, lets requests under way end for up to 30 seconds, gives up what is left, and closes all. */
  stop(): Promise<void>
}

interface Started {
  readonly connections: Connections
  readonly mediaport: Mediaport
  readonly stopReaping: () => void
}

/**
 * Listens first, so that callers find a server that starts and not a closed port, then opens what it needs.
 * @param made the embedded database, where it is being made already.
 */
export async function serve(config: Config, log: Logger, made?: Promise<string>): Promise<RunningServer> {
  const server = createHttpServer(config.headerTimeoutSeconds)
  const address = await listen(server, config)
  const url = config.publicUrl ?? address

  let started: Started | undefined
  let draining = false
  let cutOff = false
  const ready = start(config, log, made).then((opened) => {
    started = opened
    return opened.mediaport
  })
  const app = createApp(ready, {
    access: { ...config.access, publicUrl: url },
    pace: config.pace,
    showsLocation: config.showsLocation,
    isDraining: () => draining,
    isCutOff: () => cutOff,
    log,
  })
  serveApp(server, app)

  log.info(`listening on ${address}`)
  log.info(`files and data: ${config.dataDir}`)
  for (const [port, adapter] of Object.entries(adapterNames(config))) log.info(`${port}: ${adapter}`)
  log.info(`upload: curl -F file=@photo.jpg ${url.replace(/\/+$/, '')}/upload/`)

  return {
    url: address,
    ready,
    async stop() {
      draining = true
      await closeServer(server, DRAIN_MS, () => (cutOff = true))
      started?.stopReaping()
      await started?.mediaport.close()
      await started?.connections.close()
    },
  }
}

async function start(config: Config, log: Logger, made: Promise<string> | undefined): Promise<Started> {
  const began = performance.now()
  const onTrouble: OnTrouble = (error, message) => log.warn({ err: error }, message)
  makeFolder(config.dataDir)
  const connections = await connect(config, { onTrouble, patient: true, made })
  // Workers elsewhere know by it that they see the same files.
  makeFolder(filesFolder(config, connections.installation))
  const container = await buildContainer(config, connections)
  for (const name of connections.applied) log.info(`applied migration ${name}`)
  const mediaport = container.resolve(MEDIAPORT)
  const stopReaping =
    config.worker === 'inline'
      ? await runWorker(mediaport, connections.jobs, config.reapEverySeconds, onTrouble)
      : () => {}
  trimMemory()
  log.info(`ready for uploads after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return { connections, mediaport, stopReaping }
}

/** @returns the address, with the port that the system chose if it was to choose one. */
async function listen(server: Server, { host, port }: Config): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const chosen = typeof address === 'object' && address !== null ? address.port : port
  return addressOf({ host, port: chosen })
}
