/**
 * Kills a server with an embedded database repeatedly while four clients send requests, and then checks that everything
 * it acknowledged exists exactly once, and nothing else.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { hasExited, killOnExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { secondsUntil } from './faults.ts'
import { SHORT_TIMES } from './installation.ts'
import { orphaned } from './judge.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { seeded } from './seeded.ts'
import { filesIn, JOBS, type JobRow, type MediaRow, ROWS, type Stores, toJob } from './stores.ts'
import { upload } from './timed-requests.ts'
import { judge, toRow, violationsIn } from './verdict.ts'
import { Workload } from './workload.ts'

const CLIENTS = 4
const SEED = 1
const TIMEOUT_MS = 90_000
/** The time for a round that gives the jobs of dead processes to others (5 s), and for the jobs. */
const WORK_MS = 10_000

export const killLoop: Part = async (options) => [await firstStarts(options), await killedUnderLoad(options)]

/** The first start creates the database and its tables. A kill may leave them incomplete. */
async function firstStarts({ isFull, report }: PartOptions): Promise<Row> {
  const times = isFull ? 20 : 3
  const random = seeded(SEED)
  const log = new ClientLog()
  const startSeconds: number[] = []
  let early = 0
  const launchFirst = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-first-'))
    const first = launch(folder)
    await secondsUntil(async () => existsSync(join(folder, 'db')))
    return { folder, first, start: performance.now() }
  }
  const undisturbed = await launchFirst()
  await undisturbed.first.ready()
  const startMs = performance.now() - undisturbed.start
  await undisturbed.first.kill('SIGTERM')
  await rm(undisturbed.folder, { recursive: true })
  for (let n = 1; n <= times; n++) {
    const { folder, first } = await launchFirst()
    await setTimeout(random() * startMs)
    if (!first.messages.some((message) => message.includes('ready for uploads'))) early++
    await first.kill('SIGKILL')
    const next = launch(folder)
    const uploadSucceeds = async () =>
      next.url !== '' && (await upload(next.url, log, { title: `first ${n}` })).status === 201
    startSeconds.push((await secondsUntil(uploadSucceeds, TIMEOUT_MS)) ?? Number.POSITIVE_INFINITY)
    report(`killed ${n} times in the first start; an upload succeeded ${startSeconds.at(-1)?.toFixed(1)} s later`)
    await next.kill('SIGTERM')
    await rm(folder, { recursive: true })
  }
  const succeeded = log.acknowledged.length
  return {
    what: 'server with an embedded database, killed (-9) at random moments of its first start',
    tried: `${times} kills, each on an empty folder, ${early} before it was ready`,
    outcome: `${succeeded} of ${times} accepted uploads after the next start, the slowest after ${Math.max(...startSeconds).toFixed(1)} s`,
    passed: succeeded === times && early > 0,
    counts: { times, lost: 0, doubled: 0, orphaned: 0 },
  }
}

async function killedUnderLoad({ isFull, report }: PartOptions): Promise<Row> {
  const kills = isFull ? 50 : 8
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-kill-'))
  let current = launch(folder)
  const log = new ClientLog()
  const workload = new Workload({
    clients: CLIENTS,
    seed: SEED,
    log,
    servers: () => (current.url ? [current.url] : []),
  })
  const random = seeded(SEED)
  const unexpectedExits: string[] = []
  for (let kill = 1; kill <= kills; kill++) {
    // One of four kills hits the start: migrations, recovery of the database, jobs. The first of them hits the first
    // start.
    if (kill % 4 === 1) await setTimeout(random() * 2000)
    else {
      await current.ready()
      await setTimeout(random() * 1500)
    }
    const { child } = current
    if (hasExited(child)) unexpectedExits.push(`the server exited with ${child.exitCode ?? child.signalCode}`)
    await current.kill('SIGKILL')
    current = launch(folder)
    report(`killed ${kill} times; ${log.acknowledged.length} uploads acknowledged`)
  }
  await current.ready()
  await workload.end()

  // Only one process can open the database, so the server is stopped to read it, and started again while work is left.
  let stores: Stores
  for (const until = performance.now() + TIMEOUT_MS; ; ) {
    await current.kill('SIGTERM')
    stores = await readEmbeddedStores(folder)
    if (orphaned(stores, log).length === 0 || performance.now() > until) break
    current = launch(folder)
    await current.ready()
    await setTimeout(WORK_MS)
  }
  const verdict = await judge(stores, log, unexpectedExits)
  for (const violation of violationsIn(verdict)) report(violation)
  await rm(folder, { recursive: true })
  return toRow({
    what: 'server with an embedded database, killed (-9) at random moments',
    times: kills,
    tried: `${kills} kills, ${workload.summary} by ${CLIENTS} clients`,
    verdict,
  })
}

function launch(folder: string): ServerProcess {
  const launched = ServerProcess.launch({ DATA_DIR: folder, ...SHORT_TIMES })
  killOnExit(launched.child)
  return launched
}

/** Reads the stores of a stopped server. The titles were in its memory. */
async function readEmbeddedStores(folder: string): Promise<Stores> {
  const database = await PGlite.create(join(folder, 'db'))
  const [rows, jobs, documents] = [
    await database.query<MediaRow>(ROWS),
    await database.query<JobRow>(JOBS),
    await database.query<{ id: string; attempt: string }>('select id, attempt from media_metadata'),
  ]
  await database.close()
  return {
    rows: rows.rows,
    files: await filesIn(folder),
    documents: new Map(documents.rows.map(({ id, attempt }) => [id, attempt])),
    titles: undefined,
    jobs: jobs.rows.map(toJob),
  }
}
