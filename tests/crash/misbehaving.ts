/** A process that blocks, a process with little memory, and jobs that cannot be done. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { folderUntilExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { checkUntil, type Fault, playFaults, secondsUntil } from './faults.ts'
import { Installation, preload } from './installation.ts'
import type { Part } from './part.ts'
import { format, request, upload } from './timed-requests.ts'

const MISBEHAVIOUR = { NODE_OPTIONS: preload('misbehaviour.ts') }
/** How often a job that throws is tried. */
const ATTEMPTS = 5
/** In MB. A server needs more than half of it after its start. */
const HEAP = 48
const MANY = 8

export const misbehaving: Part = async (options) => {
  const folder = folderUntilExit()
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { database } = installation
  const { url } = await installation.start()

  const faults: Fault[] = [
    {
      what: 'one of two processes is blocked for 5 s',
      async play(check) {
        const blocked = await installation.start('serve', { ...MISBEHAVIOUR, WORKER: 'off' })
        const sending = upload(blocked.url, log, { title: 'on a blocked process', size: 900_000, pauseMs: 500 })
        await setTimeout(1000)
        blocked.child.kill('SIGUSR2')
        // The server may respond once more before the signal arrives.
        const [blockedAfter, other] = await Promise.all([
          secondsUntil(async () => (await request(`${blocked.url}/ping/`)).seconds > 3),
          upload(url, log, { title: 'at the same time' }),
        ])
        check(`it is blocked after ${blockedAfter?.toFixed(1)} s`, blockedAfter !== undefined)
        check(`the other ${format(other)}`, other.status === 201 && other.seconds < 2)
        const answer = await sending
        // Its lease may have expired. Then the upload was abandoned.
        check(`its upload ${format(answer)}`, [201, 408, 503].includes(answer.status ?? 0))
        await installation.kill(blocked)
      },
    },
    {
      what: `a heap of at most ${HEAP} MB`,
      tried: `${MANY} uploads of 20 MB at once`,
      // This process generates the bytes and cannot send other requests at the same time.
      isAlone: true,
      async play(check) {
        const server = await installation.start('serve', {
          NODE_OPTIONS: `--max-old-space-size=${HEAP}`,
          WORKER: 'off',
        })
        const sending = Array.from({ length: MANY }, (_, n) =>
          upload(server.url, log, { title: `large ${n}`, size: 20_000_000 }),
        )
        const statuses = (await Promise.all(sending)).map(({ status }) => status)
        check(
          `${statuses.filter((status) => status === 201).length} × 201`,
          statuses.every((status) => status === 201),
        )
        await installation.kill(server)
      },
    },
    {
      what: 'the first reader process cannot be started because no file can be opened (EMFILE)',
      isAlone: true,
      async play(check) {
        // The first job of the server must be that of this upload.
        const jobs = async (which: string) =>
          (await database.query(`select from pgboss.job where name = 'describe-media' and ${which}`)).rowCount
        await secondsUntil(async () => (await jobs(`state < 'completed'`)) === 0)
        await Promise.all(installation.running.map((each) => installation.kill(each)))
        const claimed = { point: 'describe-media claimed', firedFile: join(folder, 'fired') }
        const server = await installation.start('serve', { ...armedAt(claimed), FAIL_SIGNAL: 'SIGSTOP' })
        const limit = (files: number) =>
          promisify(execFile)('prlimit', ['--pid', `${server.child.pid}`, `--nofile=${files}:`])
        // Opens all connections to the stores that the job needs.
        await Promise.all(Array.from({ length: 6 }, () => request(`${server.url}/healthcheck/`)))
        await Promise.all(Array.from({ length: 6 }, () => request(`${server.url}/media/`)))
        const sending = upload(server.url, log, { title: 'described later' })
        await checkUntil(check, 'its job started', () => hasFired(claimed))
        await limit(1)
        server.child.kill('SIGCONT')
        const { id } = (await sending).body
        const isTried = async () => (await jobs(`data->>'id' = '${String(id)}' and state = 'retry'`)) === 1
        await checkUntil(check, 'tried without success', isTried)
        await limit(1024)
        const metadata = async () => (await request(`${server.url}/media/${String(id)}/metadata/`)).body['status']
        await checkUntil(check, 'described', async () => (await metadata()) === 'none')
      },
    },
    {
      what: 'a job that always throws',
      isLong: true,
      isAlone: true,
      async play(check) {
        await Promise.all(installation.running.map((each) => installation.kill(each)))
        const poisoned = join(folder, 'poisoned')
        await writeFile(poisoned, '')
        const server = await installation.start('serve', { ...MISBEHAVIOUR, POISONED: poisoned })
        const { id } = (await upload(server.url, log, { title: 'poisoned' })).body
        const dead = async () =>
          (await database.query(`select from pgboss.job where name = 'dead-jobs' and data->>'id' = '${String(id)}'`))
            .rowCount === 1
        await checkUntil(check, 'in the queue of dead jobs', dead, 120_000)
        const attempts = (await readFile(poisoned, 'utf8')).split('\n').filter((line) => line === id).length
        check(`${attempts} attempts`, attempts === ATTEMPTS)
        await rm(poisoned)
        const next = await upload(server.url, log, { title: 'next' })
        check(`the next upload ${format(next)}`, next.status === 201)
        const rebuilt = await run(['rebuild'], installation.variables)
        check(`rebuild ended with ${rebuilt.status}`, rebuilt.status === 0)
        const status = async () =>
          (await request(`${server.url}/media/${String(id)}/metadata/`)).body['status'] !== 'pending'
        await checkUntil(check, 'described', status)
        await database.query(`delete from pgboss.job where name = 'dead-jobs'`)
      },
    },
  ]
  const rows = await playFaults('processes that misbehave', faults, installation, log, options)
  return rows
}
