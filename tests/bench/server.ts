import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { addressOf } from '../services.ts'
import { hasExited, killOnExit, onExit } from '../support/processes.ts'
import { Connection } from './connection.ts'
import { residentMib } from './process-usage.ts'
import { CLI, type Target } from './targets.ts'

const START_MS = 60_000
const LOOK_EVERY_MS = 5
/** The last is what nginx writes first. */
const READY = /ready for uploads|"msg":"working"|nginx\/\d/
const IMAGEKIT = fileURLToPath(new URL('targets/imagekit.ts', import.meta.url))

/** A target that runs, with a folder and a database of its own. */
export class BenchServer {
  readonly target: Target
  readonly folder: string
  readonly database: TestDatabase | undefined
  readonly stores: { readonly mongoUrl: string; readonly redisUrl: string; readonly redisPrefix: string }
  /** From the start of the process to its ready line. */
  readyMs = 0
  /** Resident memory when it was ready. */
  idleMib = 0
  port = 0
  #child: ChildProcess | undefined
  #others: ChildProcess[] = []
  #variables: Record<string, string> = {}

  private constructor(target: Target, folder: string, database: TestDatabase | undefined) {
    this.target = target
    this.folder = folder
    this.database = database
    const name = `bench_${randomBytes(8).toString('hex')}`
    const mongoUrl = target.hasStores
      ? Object.assign(new URL(addressOf('MONGODB_URL')), { pathname: `/${name}` }).href
      : ''
    this.stores = { mongoUrl, redisUrl: addressOf('REDIS_URL'), redisPrefix: `${name}:` }
  }

  /** Settles when it takes uploads. */
  static async start(target: Target): Promise<BenchServer> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-bench-'))
    onExit(() => rmSync(folder, { recursive: true, force: true }))
    const server = new BenchServer(target, folder, target.hasServer === false ? undefined : await newDatabase())
    try {
      await server.#prepare()
      await server.launch()
      return server
    } catch (error) {
      await server.remove()
      throw error
    }
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Starts the process, again after `stop`. */
  async launch(): Promise<void> {
    const began = performance.now()
    const { child, output } = await this.#run('server', this.target.args)
    this.readyMs = performance.now() - began
    this.#child = child
    this.port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1])
    this.idleMib = residentMib(this.pid)
  }

  /** Settles when it works. */
  async startWorker(nth: number): Promise<void> {
    const { child } = await this.#run(`worker-${nth}`, [CLI, 'worker'])
    this.#others.push(child)
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child) await end(this.#child, signal)
  }

  /** Workers, and the double of ImageKit. */
  async stopOthers(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await Promise.all(this.#others.map((each) => end(each, signal)))
  }

  async remove(): Promise<void> {
    await this.stop()
    await this.stopOthers()
    await this.database?.drop()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Paths of the stored files by their names. */
  async files(): Promise<Map<string, string>> {
    const folder = join(this.folder, 'files')
    mkdirSync(folder, { recursive: true })
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    // @tus/file-store keeps a second file beside each.
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.json'))
    return new Map(files.map((entry) => [entry.name, join(entry.parentPath, entry.name)]))
  }

  /** How many uploads the database has as stored. */
  async countRows(): Promise<number> {
    if (this.target.rows === 'api') return countByApi(this.port)
    const { rows } =
      (await this.database?.query(`select count(*) from ${this.target.rows} where state = 'stored'`)) ?? {}
    return Number(rows?.[0]?.count)
  }

  async #prepare(): Promise<void> {
    const { target, database, stores } = this
    this.#variables = {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: this.folder,
      PORT: '0',
      DATA_DIR: this.folder,
      ...(database && { DATABASE_URL: database.url }),
      ...(target.hasStores && {
        MONGODB_URL: stores.mongoUrl,
        REDIS_URL: stores.redisUrl,
        REDIS_PREFIX: stores.redisPrefix,
      }),
      ...target.variables,
    }
    if (!target.imagekit) return
    const { child, output } = await this.#run('imagekit', [IMAGEKIT, ...target.imagekit])
    this.#others.push(child)
    Object.assign(this.#variables, JSON.parse(/variables: (.*)/.exec(output)?.[1] ?? '{}'))
  }

  /** Its output goes to a file, as with a service manager. Settles when it is ready. */
  async #run(name: string, args: readonly string[]): Promise<{ child: ChildProcess; output: string }> {
    const log = join(this.folder, `${name}.log`)
    const file = openSync(log, 'w')
    const began = performance.now()

    const child = spawn(process.execPath, args, {
      env: this.#variables,
      cwd: this.folder,
      stdio: ['ignore', file, file],
    })
    closeSync(file)
    killOnExit(child)
    for (;;) {
      const output = await readFile(log, 'utf8')
      if (READY.test(output)) return { child, output }
      if (hasExited(child) || performance.now() - began > START_MS) {
        child.kill('SIGKILL')
        throw new Error(`${this.target.name}: ${name} did not start:\n${output}`)
      }
      await setTimeout(LOOK_EVERY_MS)
    }
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (hasExited(child)) return
  child.kill(signal)
  await once(child, 'exit')
}

async function countByApi(port: number): Promise<number> {
  const client = new Connection(port)
  let count = 0
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const answer = await client.get(`/media/?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    const page: { items: unknown[]; next?: string } = JSON.parse(answer.body.toString())
    count += page.items.length
    cursor = page.next ?? undefined
  }
  client.close()
  return count
}
