import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { addressOf } from '../services.ts'
import { endsWithUs } from './ends-with-us.ts'

export type StorageName = 'filesystem' | 'imagekit'
export type Variables = Readonly<Record<string, string>>

/** Addresses of servers; the database and all else that is made there is this installation's own. */
export interface Services {
  readonly postgres: string
  readonly mongo: string
  readonly redis: string
}

/** Seconds. What a dead process left is put away after LEASE and REAP, and forgotten after FORGET more. */
export const [LEASE, REAP] = [2, 1]
const FORGET = 3
export const SHORT_TIMES = {
  UPLOAD_LEASE_SECONDS: `${LEASE}`,
  REAP_EVERY_SECONDS: `${REAP}`,
  FORGET_AFTER_SECONDS: `${FORGET}`,
}

const services = (): Services => ({
  postgres: addressOf('POSTGRES_URL'),
  mongo: addressOf('MONGODB_URL'),
  redis: addressOf('REDIS_URL'),
})

/** Everything that belongs together under test: the stores with what is in them, and any number of processes on them. */
export class Installation {
  /** What every process is given; one may be given others in addition. */
  readonly variables: Variables
  readonly database: TestDatabase
  /** The double of ImageKit, where that is the storage. */
  readonly vendor: LocalImagekit | undefined
  readonly mongo: MongoClient
  readonly redis: Redis
  readonly redisPrefix: string
  /** How processes ended that nobody had asked to end. */
  readonly ends: string[] = []
  readonly #folder: string
  readonly #running = new Map<ServerProcess, 'serve' | 'worker'>()
  readonly #mayEnd = new Set<ServerProcess>()

  private constructor(storage: StorageName, folder: string, made: Made, { mongo, redis }: Services, extra: Variables) {
    const name = new URL(made.database.url).pathname.slice(1)
    this.#folder = folder
    this.database = made.database
    this.vendor = made.vendor
    this.redisPrefix = `${name}:`
    const mongoUrl = Object.assign(new URL(mongo), { pathname: `/${name}` }).href
    this.mongo = new MongoClient(mongoUrl)
    this.redis = new Redis(redis)
    // Commands tell; a server that is down for a while is what some tests want.
    this.redis.on('error', () => {})
    this.variables = {
      DATA_DIR: folder,
      DATABASE_URL: made.database.url,
      MONGODB_URL: mongoUrl,
      REDIS_URL: redis,
      REDIS_PREFIX: this.redisPrefix,
      STORAGE: storage,
      ...SHORT_TIMES,
      ...(made.vendor && {
        IMAGEKIT_PRIVATE_KEY: made.vendor.privateKey,
        IMAGEKIT_URL_ENDPOINT: made.vendor.urlEndpoint,
        IMAGEKIT_UPLOAD_URL: made.vendor.url,
        IMAGEKIT_API_URL: made.vendor.url,
      }),
      ...extra,
    }
  }

  /** New and empty; no process runs yet. @param on servers of one's own instead of those of the environment. */
  static async open(storage: StorageName, extra: Variables = {}, on: Services = services()): Promise<Installation> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-crash-'))
    const database = await newDatabase(on.postgres)
    const vendor = storage === 'imagekit' ? await startLocalImagekit() : undefined
    return new Installation(storage, folder, { database, vendor }, on, extra)
  }

  /** Settles when the process is ready. A worker needs a server that has been ready before. */
  async start(command: 'serve' | 'worker' = 'serve', extra: Variables = {}, cli?: string): Promise<ServerProcess> {
    const started = this.launch(command, extra, cli)
    await started.ready(command === 'serve' ? 'ready for uploads' : 'working')
    return started
  }

  /** Without waiting for anything. @param cli of another version. */
  launch(command: 'serve' | 'worker' = 'serve', extra: Variables = {}, cli?: string): ServerProcess {
    const launched = ServerProcess.launch({ ...this.variables, ...extra }, command, cli)
    this.#running.set(launched, command)
    endsWithUs(launched.child)
    launched.child.once('close', (status, signal) => {
      this.#running.delete(launched)
      if (!this.#mayEnd.has(launched)) this.ends.push(`a ${command} ended with ${status ?? signal}`)
    })
    return launched
  }

  /** Settles when it has ended. */
  async kill(victim: ServerProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.mayEnd(victim)
    await victim.kill(signal)
  }

  /** It is going to end by itself, and that is right. */
  mayEnd(victim: ServerProcess): void {
    this.#mayEnd.add(victim)
  }

  get running(): readonly ServerProcess[] {
    return [...this.#running.keys()]
  }

  /** Addresses of the servers that listen just now. */
  get addresses(): readonly string[] {
    return [...this.#running].flatMap(([server, command]) => (command === 'serve' && server.url ? [server.url] : []))
  }

  /** Ends every process and takes away what was made. */
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
