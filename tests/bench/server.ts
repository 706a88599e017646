import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { endsWithUs, hasEnded } from '../crash/ends-with-us.ts'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { Connection } from './connection.ts'
import type { Target } from './targets.ts'

const START_MS = 60_000

/** A target that runs, with a folder and a database of its own. */
export class BenchServer {
  readonly target: Target
  readonly folder: string
  readonly database: TestDatabase | undefined
  child!: ChildProcess
  port = 0
  /** From the start of the process to its ready line. */
  readyMs = 0

  private constructor(target: Target, folder: string, database: TestDatabase | undefined) {
    this.target = target
    this.folder = folder
    this.database = database
  }

  /** Settles when it takes uploads. */
  static async start(target: Target): Promise<BenchServer> {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-bench-'))
    const server = new BenchServer(target, folder, target.rows === 'api' ? undefined : await newDatabase())
    await server.launch()
    return server
  }

  /** Starts the process, again after `stop`. */
  async launch(): Promise<void> {
    const began = performance.now()
    const [log, child] = this.run(this.target.args)
    this.child = child
    while (!/ready for uploads/.test(await readFile(log, 'utf8'))) {
      if (hasEnded(child) || performance.now() - began > START_MS)
        throw new Error(`${this.target.name} did not start:\n${await readFile(log, 'utf8')}`)
      await setTimeout(5)
    }
    this.readyMs = performance.now() - began
    this.port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(await readFile(log, 'utf8'))?.[1])
  }

  /** @returns its log, which is a file as with a service manager, and the process. */
  run(args: readonly string[]): [string, ChildProcess] {
    const log = join(this.folder, 'log')
    const output = openSync(log, 'w')
    const env = {
      PATH: process.env['PATH'],
      PORT: '0',
      DATA_DIR: this.folder,
      ...(this.database && { DATABASE_URL: this.database.url }),
      ...this.target.variables,
    }
    const child = spawn(process.execPath, args, { env, cwd: this.folder, stdio: ['ignore', output, output] })
    closeSync(output)
    endsWithUs(child)
    return [log, child]
  }

  async stop(): Promise<void> {
    if (hasEnded(this.child)) return
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }

  async remove(): Promise<void> {
    await this.stop()
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
    const { rows } = this.target
    if (rows !== 'api') {
      const { rows: counts } = (await this.database?.query(`select count(*) from ${rows} where state = 'stored'`)) ?? {}
      return Number(counts?.[0]?.count)
    }
    const client = new Connection(this.port)
    let count = 0
    for (let next: string | null = ''; next !== null; ) {
      const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`
      const page = JSON.parse((await client.get(`/media/?limit=100${cursor}`)).body.toString())
      count += page.items.length
      next = page.next ?? null
    }
    client.close()
    return count
  }
}
