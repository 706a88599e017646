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

/** Longer than anything that still has to end may take. */
const HARD_STOP_MS = 45_000

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Each command loads only what it needs: `serve` must be quick to start, and no command keeps memory for the others. */
const program = createProgram({
  version,

  async serve() {
    const config = configuration()
    const lock = lockIfEmbedded(config, 'serve')
    // A new database is made while this process loads the rest of its code; `ready` says whether that failed.
    const made = lock && makeDatabase(config.dataDir)
    made?.catch(() => undefined)
    const [{ createLog }, { serve }] = await Promise.all([import('./log.ts'), import('./serve.ts')])
    const log = await createLog(config)
    const server = await serve(config, log, made).catch((error) => giveUp(listenFault(error, config)))
    lock?.announce(server.url)

    stopOnSignal(log, async () => {
      await server.stop()
      lock?.release()
    })
    await server.ready.catch(giveUpOn(config))
  },

  async worker() {
    const config = configuration()
    if (config.databaseUrl === undefined)
      giveUp('DATABASE_URL is needed: a server does the jobs of its embedded database itself.')
    const [{ createLog }, { work }] = await Promise.all([import('./log.ts'), import('./work.ts')])
    const log = await createLog(config)
    stopOnSignal(log, await work(config, log).catch(giveUpOn(config)))
  },

  async migrate() {
    const config = configuration()
    const lock = lockIfEmbedded(config, 'migrate')
    const { connect } = await import('./connections.ts')
    const connections = await connect(config).catch(giveUpOn(config))
    await connections.close()
    lock?.release()
    return connections
  },

  openMediaport,
  storages: STORAGE_NAMES,

  async open(server) {
    if (server !== undefined) {
      const { HttpClient } = await import('../adapters/cli/http-client.ts')
      return new HttpClient(server)
    }
    return openEmbedded()
  },
})

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** The first signal stops in good order, the second at once. */
function stopOnSignal(log: Logger, stop: () => Promise<void>): void {
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    for (const each of SIGNALS) process.on(each, () => process.exit(1))
    setTimeout(() => process.exit(1), HARD_STOP_MS).unref()
    log.info(`${signal}: stopping; what is under way has 30 s`)
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

/** The use cases in this process. The jobs that they cause are done by the next server or worker. */
async function openMediaport() {
  const config = configuration()
  const [command = ''] = process.argv.slice(2)
  const lock = lockIfEmbedded(config, command)
  const [{ connect }, { buildContainer, filesFolder, MEDIAPORT }] = await Promise.all([
    import('./connections.ts'),
    import('./container.ts'),
  ])
  const connections = await connect(config).catch(giveUpOn(config))
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

/** Files that are put where no server looks for them would be lost to everybody. */
function checkFiles(folder: string, { applied }: Connections, config: Config): void {
  if (applied.length > 0) attempt(config, () => makeFolder(folder))
  else if (!existsSync(folder))
    giveUp(`There is no ${folder}, where the servers of this database keep their files: DATA_DIR has to be theirs.`)
}

function configuration(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return readConfig(process.env).match(
    (config) => config,
    ({ message }) => giveUp(message),
  )
}

function lockIfEmbedded(config: Config, command: string): DataLock | undefined {
  if (config.databaseUrl !== undefined) return undefined
  return attempt(config, () => lockData(config.dataDir, command)).match(
    (lock) => lock,
    ({ message }) => giveUp(message),
  )
}

function listenFault(error: NodeJS.ErrnoException, { host, port }: Config): string {
  if (error.code === 'EADDRINUSE') return `PORT ${port} of ${host} is taken by another program; set another one.`
  if (error.code === 'EACCES') return `PORT ${port} needs more rights than this process has; set one above 1023.`
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') return `HOST ${host} is no address of this machine.`
  if (error.code === 'EAFNOSUPPORT')
    return `HOST ${host} needs IPv6, which this machine does not have; set 0.0.0.0 or 127.0.0.1.`
  return `The server can't listen: ${error.message}`
}

const giveUpOn =
  ({ dataDir }: Config) =>
  (error: Error): never =>
    giveUp(explainFault(error, dataDir))

function attempt<T>(config: Config, action: () => T): T {
  try {
    return action()
  } catch (error) {
    return giveUpOn(config)(error as Error)
  }
}

/** One line for a person, and exit status 1. */
function giveUp(message: string): never {
  console.error(`mediaport: ${message}`)
  process.exit(1)
}

await program.parseAsync()
