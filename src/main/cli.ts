#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Client } from '../adapters/cli/client.ts'
import { createProgram } from '../adapters/cli/program.ts'
import { addressOf } from './address.ts'
import { type Config, readConfig, STORAGE_NAMES } from './config.ts'
import type { Connections } from './connections.ts'
import { explainFault, makeFolder } from './data-dir.ts'
import { type DataLock, lockData } from './data-lock.ts'
import { makeDatabase } from './new-database.ts'

/** The process exits this long after the first signal, even if something still runs. Requests have 30 s, jobs 10 s. */
const HARD_STOP_MS = 45_000

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Each command loads only the modules that it needs, so that `serve` starts fast and takes little memory. */
const program = createProgram({
  version,

  async serve() {
    const config = loadConfig()
    const lock = lockIfEmbedded(config, 'serve')
    // A new database is created while the rest of the code loads. If that fails, `server.ready` rejects.
    const databaseFolder = lock && makeDatabase(config.dataDir)
    databaseFolder?.catch(() => undefined)
    const [{ createLog }, { serve }] = await Promise.all([import('./log.ts'), import('./serve.ts')])
    const log = await createLog(config)
    const server = await serve(config, log, databaseFolder).catch((error) => exit(explainListenError(error, config)))
    lock?.announce(server.url)

    stopOnSignal(log, async () => {
      await server.stop()
      lock?.release()
    })
    await server.ready.catch(exitOn(config))
  },

  async worker() {
    const config = loadConfig()
    if (config.databaseUrl === undefined)
      exit(
        'DATABASE_URL is not set, but a worker needs a PostgreSQL server. Set DATABASE_URL, or run only `mediaport serve`, which does the jobs of its embedded database itself.',
      )
    const [{ createLog }, { work }] = await Promise.all([import('./log.ts'), import('./work.ts')])
    const log = await createLog(config)
    stopOnSignal(log, await work(config, log).catch(exitOn(config)))
  },

  async migrate() {
    const config = loadConfig()
    const lock = lockIfEmbedded(config, 'migrate')
    const { connect } = await import('./connections.ts')
    const connections = await connect(config).catch(exitOn(config))
    await connections.close()
    lock?.release()
    return connections
  },

  async createKey(name, scopes) {
    const { createApiKey } = await import('../adapters/http/auth/api-keys.ts')
    return createApiKey(name, scopes).match((key) => key, exit)
  },

  openMediaport,
  storages: STORAGE_NAMES,

  async open(server) {
    if (server !== undefined) {
      const { HttpClient } = await import('../adapters/cli/http-client.ts')
      const key = process.env['MEDIAPORT_API_KEY']
      // fetch would repeat a header that is not valid in its error.
      if (key && !/^[\w.~+/-]+=*$/.test(key)) exit('MEDIAPORT_API_KEY must be a single API key or token.')
      return new HttpClient(server, key)
    }
    return openEmbedded()
  },
})

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** The first signal stops gracefully. The second one exits immediately with status 1. */
function stopOnSignal(log: Logger, stop: () => Promise<void>): void {
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    for (const name of SIGNALS) process.on(name, () => process.exit(1))
    setTimeout(() => process.exit(1), HARD_STOP_MS).unref()
    log.info(`${signal}: stopping; requests in progress have 30 s`)
    await stop()
    log.info('stopped')
    process.exit(0)
  }
  for (const signal of SIGNALS) process.once(signal, () => void onSignal(signal))
}

async function openEmbedded(): Promise<Client> {
  const { inProcessClient } = await import('../adapters/http/in-process-client.ts')
  const { mediaport, publicUrl, close } = await openMediaport()
  return inProcessClient(mediaport, publicUrl, close)
}

/** Runs the use cases in this process. The next server or worker does the jobs that follow from them. */
async function openMediaport() {
  const config = loadConfig()
  const [command = ''] = process.argv.slice(2)
  const lock = lockIfEmbedded(config, command)
  const [{ connect }, { buildContainer, filesFolder, MEDIAPORT }] = await Promise.all([
    import('./connections.ts'),
    import('./container.ts'),
  ])
  const connections = await connect(config).catch(exitOn(config))
  if (config.storage === 'filesystem' || command === 'move')
    checkFiles(filesFolder(config, connections.installation), connections, config)
  const mediaport = (await buildContainer(config, connections)).resolve(MEDIAPORT)
  const close = async (): Promise<void> => {
    await mediaport.close()
    await connections.close()
    lock?.release()
  }
  return { mediaport, publicUrl: config.publicUrl ?? addressOf(config), close }
}

/** Exits if no server uses the folder: files that are stored there could never be read. */
function checkFiles(folder: string, { applied }: Connections, config: Config): void {
  if (applied.length > 0) runOrExit(config, () => makeFolder(folder))
  else if (!existsSync(folder))
    exit(
      `DATA_DIR ${config.dataDir} has no files of this database: ${folder} does not exist. Set DATA_DIR to the folder that its servers use.`,
    )
}

function loadConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return readConfig(process.env).match(
    (config) => config,
    ({ message }) => exit(message),
  )
}

function lockIfEmbedded(config: Config, command: string): DataLock | undefined {
  if (config.databaseUrl !== undefined) return undefined
  return runOrExit(config, () => lockData(config.dataDir, command)).match(
    (lock) => lock,
    ({ message }) => exit(message),
  )
}

function explainListenError(error: NodeJS.ErrnoException, { host, port }: Config): string {
  if (error.code === 'EADDRINUSE') return `PORT ${port} is in use by another program on ${host}. Set another PORT.`
  if (error.code === 'EACCES')
    return `PORT ${port} requires privileges that this process does not have. Set a PORT above 1023.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `HOST ${host} is not an address of this machine. Set HOST to 127.0.0.1 or another of its addresses.`
  if (error.code === 'EAFNOSUPPORT')
    return `HOST ${host} requires IPv6, which this machine does not support. Set HOST to 0.0.0.0 or 127.0.0.1.`
  return `The server can't listen on HOST ${host} and PORT ${port}: ${error.message}`
}

const exitOn =
  ({ dataDir }: Config) =>
  (error: Error): never =>
    exit(explainFault(error, dataDir))

function runOrExit<T>(config: Config, action: () => T): T {
  try {
    return action()
  } catch (error) {
    return exitOn(config)(error as Error)
  }
}

/** Prints one line to stderr and exits with status 1. */
function exit(message: string): never {
  console.error(`mediaport: ${message}`)
  process.exit(1)
}

await program.parseAsync()
