import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Logger } from 'pino'
import { createApp } from '../adapters/http/app.ts'
import { verifyApiKey } from '../adapters/http/auth/api-keys.ts'
import { authenticateBearer, firstOf } from '../adapters/http/auth/bearer.ts'
import type { Authenticate } from '../adapters/http/auth/caller.ts'
import { verifyJwt } from '../adapters/http/auth/jwt.ts'
import { Tokens } from '../adapters/http/auth/tokens.ts'
import { closeServer, createHttpServer, serveApp } from '../adapters/http/http-server.ts'
import type { Mediaport } from '../application/mediaport.ts'
import { addressOf } from './address.ts'
import type { Config } from './config.ts'
import { type Connections, connect, type OnTrouble } from './connections.ts'
import { adapterNames, buildContainer, filesFolder, MEDIAPORT } from './container.ts'
import { makeFolder } from './data-dir.ts'
import { runWorker } from './run-worker.ts'
import { trimMemory } from './trim-memory.ts'

/** How long requests in progress may continue after `stop`. */
const DRAIN_TIMEOUT_MS = 30_000

export interface RunningServer {
  /** The URL at which it listens. */
  readonly url: string
  /** Resolves when the server accepts uploads. Rejects if the database cannot be opened. */
  readonly ready: Promise<unknown>
  /**
   * Accepts no new requests, waits up to 30 seconds for those in progress, abandons the rest, and closes everything.
   */
  stop(): Promise<void>
}

interface Services {
  readonly connections: Connections
  readonly mediaport: Mediaport
  readonly stopReaping: () => void
}

/**
 * Listens first, so that clients find a server that is starting instead of a closed port. Then opens the connections.
 *
 * @param databaseFolder The result of `makeDatabase`, if the caller has called it already.
 */
export async function serve(config: Config, log: Logger, databaseFolder?: Promise<string>): Promise<RunningServer> {
  const server = createHttpServer(config.headerTimeoutSeconds)
  const address = await listen(server, config)
  const url = config.publicUrl ?? address

  let services: Services | undefined
  let isDraining = false
  let isCutOff = false
  const started = start(config, log, databaseFolder)
  const ready = started.then((result) => {
    services = result
    return result.mediaport
  })
  const tokens = new Tokens(started.then(({ connections }) => connections.installation.signingKey))
  const app = createApp(ready, {
    access: { ...config.access, publicUrl: url },
    authenticate: authenticateBy(config, tokens),
    tokens,
    pace: config.pace,
    showsLocation: config.showsLocation,
    isDraining: () => isDraining,
    isCutOff: () => isCutOff,
    log,
  })
  serveApp(server, app)

  log.info(`listening on ${address}`)
  log.info(`files and data: ${config.dataDir}`)
  for (const [port, adapter] of Object.entries(adapterNames(config))) log.info(`${port}: ${adapter}`)
  const anonymous = config.access.anonymousScopes.join('+') || 'none'
  log.info(`API keys: ${config.apiKeys.length}; identity provider: ${config.jwt?.issuer ?? 'none'}`)
  log.info(`scopes without credentials: ${anonymous}`)
  const base = url.replace(/\/+$/, '')
  log.info(`upload: curl -F file=@photo.jpg ${base}/upload/`)
  log.info(`API: ${base}/swagger/`)

  return {
    url: address,
    ready,
    async stop() {
      isDraining = true
      await closeServer(server, DRAIN_TIMEOUT_MS, () => (isCutOff = true))
      services?.stopReaping()
      await services?.mediaport.close()
      await services?.connections.close()
    },
  }
}

const authenticateBy = ({ apiKeys, jwt }: Config, tokens: Tokens): Authenticate =>
  firstOf([
    authenticateBearer([verifyApiKey(apiKeys), tokens.verify, ...(jwt ? [verifyJwt(jwt)] : [])]),
    tokens.authenticateLink,
  ])

async function start(config: Config, log: Logger, databaseFolder: Promise<string> | undefined): Promise<Services> {
  const startedAt = performance.now()
  const onTrouble: OnTrouble = (error, message) => log.warn({ err: error }, message)
  makeFolder(config.dataDir)
  const connections = await connect(config, {
    onTrouble,
    waitsForServer: true,
    isWorker: config.worker === 'inline',
    databaseFolder,
  })
  // A worker in another process waits for this folder. It shows that both have the same DATA_DIR.
  makeFolder(filesFolder(config, connections.installation))
  const container = await buildContainer(config, connections)
  for (const name of connections.applied) log.info(`applied migration ${name}`)
  const mediaport = container.resolve(MEDIAPORT)
  const stopReaping =
    config.worker === 'inline'
      ? await runWorker(mediaport, connections.jobs, config.reapEverySeconds, onTrouble)
      : () => {}
  trimMemory()
  log.info(`ready for uploads after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return { connections, mediaport, stopReaping }
}

/** @returns The URL, with the port that the operating system assigned if `port` is 0. */
async function listen(server: Server, { host, port }: Config): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  const actualPort = typeof address === 'object' && address !== null ? address.port : port
  return addressOf({ host, port: actualPort })
}
