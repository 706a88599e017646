/**
 * Kills a server on its embedded database again and again, in the midst of what four clients send, and then looks
 * whether all that it acknowledged is there, once, and nothing else.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { Crew } from './crew.ts'
import { endsWithUs, hasEnded } from './ends-with-us.ts'
import { secondsUntil } from './faults.ts'
import { SHORT_TIMES } from './installation.ts'
import { orphaned } from './judge.ts'
import { filesIn, JOBS, type JobRow, type Row as MediaRow, ROWS, type Seen, toJob } from './look.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { seeded } from './seeded.ts'
import { upload } from './told.ts'
import { judge, offendersIn, toRow } from './verdict.ts'

const CLIENTS = 4
const SEED = 1
const PATIENCE_MS = 90_000
/** Time for a round in which jobs of dead processes are given to others (5 s), and for the jobs. */
const WORK_MS = 10_000

export const killLoop: Part = async (options) => [await firstStarts(options), await killedUnderLoad(options)]

/** The database and its tables are made by whoever comes first, and may be half made when that one dies. */
async function firstStarts({ isFull, say }: Options): Promise<Row> {
  const times = isFull ? 20 : 3
  const random = seeded(SEED)
  const log = new ClientLog()
  const took: number[] = []
  let early = 0
  const begin = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-first-'))
    const first = launch(folder)
    await secondsUntil(async () => existsSync(join(folder, 'db')))
    return { folder, first, began: performance.now() }
  }
  const undisturbed = await begin()
  await undisturbed.first.ready()
  const usual = performance.now() - undisturbed.began
  await undisturbed.first.kill('SIGTERM')
  await rm(undisturbed.folder, { recursive: true })
  for (let n = 1; n <= times; n++) {
    const { folder, first } = await begin()
    await setTimeout(random() * usual)
    if (!first.messages.some((message) => message.includes('ready for uploads'))) early++
    await first.kill('SIGKILL')
    const next = launch(folder)
    const isTaken = async () => next.url !== '' && (await upload(next.url, log, { title: `first ${n}` })).status === 201
    took.push((await secondsUntil(isTaken, PATIENCE_MS)) ?? Number.POSITIVE_INFINITY)
    say(`killed ${n} times in its first start; uploads taken ${took.at(-1)?.toFixed(1)} s later`)
    await next.kill('SIGTERM')
    await rm(folder, { recursive: true })
  }
  const sound = log.acknowledged.length
  return {
    what: 'server on its embedded database, killed (-9) at random moments of its first start',
    tried: `${times} kills, each on an empty folder, ${early} before it was ready`,
    outcome: `${sound} of ${times} took uploads at the next start, the slowest after ${Math.max(...took).toFixed(1)} s`,
    isAsPromised: sound === times && early > 0,
    counts: { times, lost: 0, doubled: 0, orphaned: 0 },
  }
}

async function killedUnderLoad({ isFull, say }: Options): Promise<Row> {
  const kills = isFull ? 50 : 8
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-kill-'))
  let current = launch(folder)
  const log = new ClientLog()
  const crew = new Crew({ clients: CLIENTS, seed: SEED, log, servers: () => (current.url ? [current.url] : []) })
  const random = seeded(SEED)
  const ends: string[] = []
  for (let kill = 1; kill <= kills; kill++) {
    // One in four dies while it starts, and the first of them for the first time: migrations, recovery of the database, jobs.
    if (kill % 4 === 1) await setTimeout(random() * 2000)
    else {
      await current.ready()
      await setTimeout(random() * 1500)
    }
    const { child } = current
    if (hasEnded(child)) ends.push(`the server ended with ${child.exitCode ?? child.signalCode}`)
    await current.kill('SIGKILL')
    current = launch(folder)
    say(`killed ${kill} times; ${log.acknowledged.length} uploads acknowledged`)
  }
  await current.ready()
  await crew.end()

  // A look needs the database, which one process has at a time: the server is stopped for it, and goes on while anything is left.
  let seen: Seen
  for (const until = performance.now() + PATIENCE_MS; ; ) {
    await current.kill('SIGTERM')
    seen = await lookInside(folder)
    if (orphaned(seen, log).length === 0 || performance.now() > until) break
    current = launch(folder)
    await current.ready()
    await setTimeout(WORK_MS)
  }
  const verdict = await judge(seen, log, ends)
  for (const offender of offendersIn(verdict)) say(offender)
  await rm(folder, { recursive: true })
  return toRow({
    what: 'server on its embedded database, killed (-9) at random moments',
    times: kills,
    tried: `${kills} kills, ${crew.summary} by ${CLIENTS} clients`,
    verdict,
  })
}

function launch(folder: string): ServerProcess {
  const launched = ServerProcess.launch({ DATA_DIR: folder, ...SHORT_TIMES })
  endsWithUs(launched.child)
  return launched
}

/** Titles are in the memory of the server. */
async function lookInside(folder: string): Promise<Seen> {
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

if (import.meta.main) await runAlone(killLoop)
