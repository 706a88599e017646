/** A process that blocks, a process with little memory, and jobs that cannot be done. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { run } from '../integration/mediaport-process.ts'
import { folderUntilExit } from '../support/processes.ts'
import { format, request, upload } from './client.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { preload } from './installation.ts'
import { concurrent, long, testVerdict, until, useInstallation } from './suite.ts'

const MISBEHAVIOUR = { NODE_OPTIONS: preload('misbehaviour.ts') }
/** How often a job that throws is tried. */
const ATTEMPTS = 5
/** In MB. A server needs more than half of it after its start. */
const HEAP = 48
const MANY = 8

const folder = folderUntilExit()
const installation = await useInstallation('filesystem')
const { database, log } = installation
const { url } = await installation.start()
const jobs = async (which: string) => (await database.query(`select from pgboss.job where ${which}`)).rowCount
const killAll = () => Promise.all(installation.running.map((each) => installation.kill(each)))
const metadataStatus = async (server: string, id: unknown) =>
  (await request(`${server}/media/${String(id)}/metadata/`)).body['status']

test('one of two processes is blocked for 5 s', concurrent, async ({ annotate }) => {
  const blocked = await installation.start('serve', { ...MISBEHAVIOUR, WORKER: 'off' })
  const sending = upload(blocked.url, log, { title: 'on a blocked process', size: 900_000, pauseMs: 500 })
  await setTimeout(1000)
  blocked.child.kill('SIGUSR2')
  // The server may respond once more before the signal arrives.
  const isBlocked = async () => (await request(`${blocked.url}/ping/`)).seconds > 3
  const [, other] = await Promise.all([
    until('the process is blocked', isBlocked),
    upload(url, log, { title: 'at the same time' }),
  ])
  expect(other).toMatchObject({ status: 201 })
  expect(other.seconds).toBeLessThan(2)
  const response = await sending
  // Its lease may have expired. Then the upload was abandoned.
  expect([201, 408, 503]).toContain(response.status)
  await annotate(`its upload: ${format(response)}`)
  await installation.kill(blocked)
})

// This process generates the bytes and cannot send other requests at the same time.
test(`${MANY} uploads of 20 MB at once with a heap of at most ${HEAP} MB`, async () => {
  const server = await installation.start('serve', { NODE_OPTIONS: `--max-old-space-size=${HEAP}`, WORKER: 'off' })
  const sending = Array.from({ length: MANY }, (_, n) =>
    upload(server.url, log, { title: `large ${n}`, size: 20_000_000 }),
  )
  for (const response of await Promise.all(sending)) expect(response).toMatchObject({ status: 201 })
  await installation.kill(server)
})

test('the first reader process cannot be started because no file can be opened (EMFILE)', async () => {
  // The first job of the server must be that of this upload.
  await until('no job is left', async () => (await jobs(`name = 'describe-media' and state < 'completed'`)) === 0)
  await killAll()
  const claimed = { point: 'describe-media claimed', firedFile: join(folder, 'fired') }
  const server = await installation.start('serve', { ...armedAt(claimed), FAIL_SIGNAL: 'SIGSTOP' })
  const limitFiles = (files: number) =>
    promisify(execFile)('prlimit', ['--pid', `${server.child.pid}`, `--nofile=${files}:`])
  // Opens all connections to the stores that the job needs.
  await Promise.all(Array.from({ length: 6 }, () => request(`${server.url}/healthcheck/`)))
  await Promise.all(Array.from({ length: 6 }, () => request(`${server.url}/media/`)))
  const sending = upload(server.url, log, { title: 'described later' })
  await until('its job is started', () => hasFired(claimed))
  await limitFiles(1)
  server.child.kill('SIGCONT')
  const { id } = (await sending).body
  const isTried = async () =>
    (await jobs(`name = 'describe-media' and data->>'id' = '${String(id)}' and state = 'retry'`)) === 1
  await until('it is tried without success', isTried)
  await limitFiles(1024)
  await until('it is described', async () => (await metadataStatus(server.url, id)) === 'none')
})

test('a job that always throws', long, async () => {
  await killAll()
  const poisoned = join(folder, 'poisoned')
  await writeFile(poisoned, '')
  const server = await installation.start('serve', { ...MISBEHAVIOUR, POISONED: poisoned })
  const { id } = (await upload(server.url, log, { title: 'poisoned' })).body
  const isDead = async () => (await jobs(`name = 'dead-jobs' and data->>'id' = '${String(id)}'`)) === 1
  await until('it is in the queue of dead jobs', isDead, 120_000)
  const attempts = (await readFile(poisoned, 'utf8')).split('\n').filter((line) => line === id)
  expect(attempts).toHaveLength(ATTEMPTS)
  await rm(poisoned)
  expect(await upload(server.url, log, { title: 'next' })).toMatchObject({ status: 201 })
  expect(await run(['rebuild'], installation.variables)).toMatchObject({ status: 0 })
  await until('it is described', async () => (await metadataStatus(server.url, id)) !== 'pending')
  await database.query(`delete from pgboss.job where name = 'dead-jobs'`)
})

testVerdict(installation)
