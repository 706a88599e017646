/**
 * Kills a server with an embedded database repeatedly while four clients send requests, and then checks that everything
 * it acknowledged exists exactly once, and nothing else.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import { expect, test } from 'vitest'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { folderUntilExit, hasExited, killOnExit } from '../support/processes.ts'
import { upload } from './client.ts'
import { ClientLog } from './client-log.ts'
import { Load } from './history/load.ts'
import { SHORT_TIMES } from './installation.ts'
import { orphaned } from './judge.ts'
import { seeded } from './seeded.ts'
import { filesIn, JOBS, type JobRow, type MediaRow, ROWS, type Stores, toJob } from './stores.ts'
import { expectNoViolation, isFull, until } from './suite.ts'
import { judge } from './verdict.ts'

const STARTS = isFull ? 20 : 3
const KILLS = isFull ? 50 : 8
const CLIENTS = 4
const SEED = 1
const TIMEOUT_MS = 90_000
/** The time for a round that gives the jobs of dead processes to others (5 s), and for the jobs. */
const WORK_MS = 10_000

function launch(folder: string): ServerProcess {
  const launched = ServerProcess.launch({ DATA_DIR: folder, ...SHORT_TIMES })
  killOnExit(launched.child)
  return launched
}

/** Reads the stores of a stopped server. The titles were in its memory. */
async function readEmbeddedStores(folder: string): Promise<Stores> {
  const database = await PGlite.create(join(folder, 'db'))
  const { rows } = await database.query<MediaRow>(ROWS)
  const jobs = await database.query<JobRow>(JOBS)
  const documents = await database.query<{ id: string; attempt: string }>('select id, attempt from media_metadata')
  await database.close()
  return {
    rows,
    files: await filesIn(folder),
    documents: new Map(documents.rows.map(({ id, attempt }) => [id, attempt])),
    titles: undefined,
    jobs: jobs.rows.map(toJob),
  }
}

// The first start creates the database and its tables. A kill may leave them incomplete.
test('killed (-9) at random moments of the first start', { meta: { tried: STARTS } }, async ({ annotate }) => {
  const random = seeded(SEED)
  const log = new ClientLog()
  const launchFirst = async () => {
    const folder = folderUntilExit()
    const first = launch(folder)
    await until('the database is created', async () => existsSync(join(folder, 'db')))
    return { folder, first, start: performance.now() }
  }
  const undisturbed = await launchFirst()
  await undisturbed.first.ready()
  const startMs = performance.now() - undisturbed.start
  await undisturbed.first.kill('SIGTERM')
  let [early, slowest] = [0, 0]
  for (let n = 1; n <= STARTS; n++) {
    const { folder, first } = await launchFirst()
    await setTimeout(random() * startMs)
    if (!first.messages.some((message) => message.includes('ready for uploads'))) early++
    await first.kill('SIGKILL')
    const next = launch(folder)
    const uploadSucceeds = async () =>
      next.url !== '' && (await upload(next.url, log, { title: `first ${n}` })).status === 201
    slowest = Math.max(slowest, await until('an upload succeeds', uploadSucceeds, TIMEOUT_MS))
    await next.kill('SIGTERM')
  }
  await annotate(`${early} before it was ready; uploads succeed after at most ${slowest.toFixed(1)} s`)
  expect(early).toBeGreaterThan(0)
})

test('killed (-9) at random moments', { meta: { tried: KILLS } }, async (context) => {
  const folder = folderUntilExit()
  let current = launch(folder)
  const log = new ClientLog()
  const load = new Load({ clients: CLIENTS, seed: SEED, log, servers: () => (current.url ? [current.url] : []) })
  const random = seeded(SEED)
  for (let kill = 1; kill <= KILLS; kill++) {
    // One of four kills hits the start: migrations, recovery of the database, jobs. The first of them hits the first
    // start.
    if (kill % 4 === 1) await setTimeout(random() * 2000)
    else {
      await current.ready()
      await setTimeout(random() * 1500)
    }
    const { child } = current
    if (hasExited(child)) log.unexpected.push(`the server exited with ${child.exitCode ?? child.signalCode}`)
    await current.kill('SIGKILL')
    current = launch(folder)
  }
  await current.ready()
  await load.end()

  // Only one process can open the database, so the server is stopped to read it, and started again while work is left.
  let stores: Stores
  for (const end = performance.now() + TIMEOUT_MS; ; ) {
    await current.kill('SIGTERM')
    stores = await readEmbeddedStores(folder)
    if (orphaned(stores, log).length === 0 || performance.now() > end) break
    current = launch(folder)
    await current.ready()
    await setTimeout(WORK_MS)
  }
  expectNoViolation(await judge(stores, log, []), context)
  current = launch(folder)
  await current.ready()
  const anomalies = await load.anomalies()
  await current.kill('SIGTERM')
  await context.annotate(load.summary)
  expect(anomalies.slice(0, 20)).toEqual([])
})
