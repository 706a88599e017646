import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { addressOf } from '../services.ts'
import { imagekitVariables } from '../support/imagekit-variables.ts'
import { killOnExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'

export type StorageName = 'filesystem' | 'imagekit'
export type Variables = Readonly<Record<string, string>>

/** The NODE_OPTIONS of a process that loads a module of this folder first. */
export const preload = (module: string): string => `--import=${new URL(module, import.meta.url).href}`

/** Addresses of servers. Each installation has its own database and keys there. */
export interface Services {
  readonly postgres: string
  readonly mongo: string
  readonly redis: string
}

/** In seconds. An upload of a dead process is abandoned after LEASE and REAP, and forgotten after FORGET more. */
export const [LEASE, REAP] = [2, 1]
const FORGET = 3
export const SHORT_TIMES = {
  UPLOAD_LEASE_SECONDS: `${LEASE}`,
  REAP_EVERY_SECONDS: `${REAP}`,
  FORGET_AFTER_SECONDS: `${FORGET}`,
}

/** The servers that `tests/services/all.sh` has started. */
export const services = (): Services => ({
  postgres: addressOf('POSTGRES_URL'),
  mongo: addressOf('MONGODB_URL'),
  redis: addressOf('REDIS_URL'),
})

/** One installation: its stores, any number of processes, and what their clients know. */
export class Installation {
  readonly log = new ClientLog()
  /** The environment variables of every process. */
  readonly variables: Variables
  readonly database: TestDatabase
  /** The local ImageKit server, if ImageKit is the storage. */
  readonly vendor: LocalImagekit | undefined
  readonly mongo: MongoClient
  readonly redis: Redis
  readonly redisPrefix: string
  /** How processes exited that were not asked to exit. */
  readonly unexpectedExits: string[] = []
  readonly #folder: string
  readonly #running = new Map<ServerProcess, 'serve' | 'worker'>()
  readonly #expectedExits = new Set<ServerProcess>()

  private constructor(storage: StorageName, folder: string, made: Made, { mongo, redis }: Services, extra: Variables) {
    const name = new URL(made.database.url).pathname.slice(1)
    this.#folder = folder
    this.database = made.database
    this.vendor = made.vendor
    this.redisPrefix = `${name}:`
    const mongoUrl = Object.assign(new URL(mongo), { pathname: `/${name}` }).href
    this.mongo = new MongoClient(mongoUrl)
    this.redis = new Redis(redis)
    // Errors are reported by the commands. Some tests stop this server.
    this.redis.on('error', () => {})
    this.variables = {
      DATA_DIR: folder,
      DATABASE_URL: made.database.url,
      MONGODB_URL: mongoUrl,
      REDIS_URL: redis,
      REDIS_PREFIX: this.redisPrefix,
      STORAGE: storage,
      ...SHORT_TIMES,
      ...(made.vendor && { ...imagekitVariables(made.vendor), IMAGEKIT_PRIVATE: 'off' }),
      ...extra,
    }
  }

  /**
   * Creates empty stores. No process runs yet.
   * @param on The servers to use, by default those of the environment.
   */
  static async open(storage: StorageName, extra: Variables = {}, on: Services = services()): Promise<Installation> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-crash-'))
    const database = await newDatabase(on.postgres)
    const vendor = storage === 'imagekit' ? await startLocalImagekit() : undefined
    return new Installation(storage, folder, { database, vendor }, on, extra)
  }

  /** Resolves when the process is ready. A worker needs a database that a server has migrated. */
  async start(command: 'serve' | 'worker' = 'serve', extra: Variables = {}, cli?: string): Promise<ServerProcess> {
    const started = this.launch(command, extra, cli)
    await started.ready(command === 'serve' ? 'ready for uploads' : 'working')
    return started
  }

  /**
   * Starts a process without waiting for it.
   * @param cli The main module of another version.
   */
  launch(command: 'serve' | 'worker' = 'serve', extra: Variables = {}, cli?: string): ServerProcess {
    const launched = ServerProcess.launch({ ...this.variables, ...extra }, command, cli)
    this.#running.set(launched, command)
    killOnExit(launched.child)
    launched.child.once('close', (status, signal) => {
      this.#running.delete(launched)
      if (!this.#expectedExits.has(launched)) this.unexpectedExits.push(`a ${command} ended with ${status ?? signal}`)
    })
    return launched
  }

  /** Resolves when the process has exited. */
  async kill(victim: ServerProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.expectExit(victim)
    await victim.kill(signal)
  }

  /** Marks that the process may exit by itself. */
  expectExit(victim: ServerProcess): void {
    this.#expectedExits.add(victim)
  }

  get running(): readonly ServerProcess[] {
    return [...this.#running.keys()]
  }

  /** The addresses of the servers that listen now. */
  get addresses(): readonly string[] {
    return [...this.#running].flatMap(([server, command]) => (command === 'serve' && server.url ? [server.url] : []))
  }

  /** Ends every process and removes the data. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((each) => this.kill(each)))
    await Promise.allSettled([this.mongo.db().dropDatabase(), this.#dropTitles()])
    await this.mongo.close()
    this.redis.disconnect()
    await this.vendor?.close()
    await this.database.drop()
    await rm(this.#folder, { recursive: true })
  }

  async #dropTitles(): Promise<void> {
    const keys = await this.redis.keys(`${this.redisPrefix}*`)
    if (keys.length > 0) await this.redis.del(keys)
  }
}

interface Made {
  readonly database: TestDatabase
  readonly vendor: LocalImagekit | undefined
}
