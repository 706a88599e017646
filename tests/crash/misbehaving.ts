/** A process that stands still, one that has little memory, and jobs that can't be done. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { run } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, secondsUntil, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, told, upload } from './told.ts'

const MISBEHAVIOUR = { NODE_OPTIONS: `--import=${new URL('misbehaviour.ts', import.meta.url).href}` }
const ARM = new URL('fail-points/arm.ts', import.meta.url).href
/** How often a job that throws is tried. */
const ATTEMPTS = 5
/** MB; a server that has just started needs more than half of it. */
const HEAP = 48
const MANY = 8

export const misbehaving: Part = async (options) => {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-misbehaving-'))
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { database } = installation
  const { url } = await installation.start()

  const faults: Fault[] = [
    {
      what: 'one of two processes stands still for 5 s',
      async play(see) {
        const blocked = await installation.start('serve', { ...MISBEHAVIOUR, WORKER: 'off' })
        const sending = upload(blocked.url, log, { title: 'on a process that stands still', size: 900_000, pause: 500 })
        await setTimeout(1000)
        blocked.child.kill('SIGUSR2')
        // It may answer once more before it hears the signal.
        const [stood, other] = await Promise.all([
          secondsUntil(async () => (await told(`${blocked.url}/ping/`)).seconds > 3),
          upload(url, log, { title: 'meanwhile' }),
        ])
        see(`it answers after ${stood?.toFixed(1)} s`, stood !== undefined)
        see(`the other ${inWords(other)}`, other.status === 201 && other.seconds < 2)
        const answer = await sending
        // Its lease may have run out, and then it was put away.
        see(`its upload ${inWords(answer)}`, [201, 408, 503].includes(answer.status ?? 0))
        await installation.kill(blocked)
      },
    },
    {
      what: `a heap of ${HEAP} MB at most`,
      tried: `${MANY} uploads of 20 MB at once`,
      // They are made by this process, which asks nobody anything meanwhile.
      isAlone: true,
      async play(see) {
        const small = await installation.start('serve', { NODE_OPTIONS: `--max-old-space-size=${HEAP}`, WORKER: 'off' })
        const sending = Array.from({ length: MANY }, (_, n) =>
          upload(small.url, log, { title: `large ${n}`, size: 20_000_000 }),
        )
        const statuses = (await Promise.all(sending)).map(({ status }) => status)
        see(
          `${statuses.filter((status) => status === 201).length} × 201`,
          statuses.every((status) => status === 201),
        )
        await installation.kill(small)
      },
    },
    {
      what: 'no file may be opened (EMFILE) when the first reader of files is to be started',
      isAlone: true,
      async play(see) {
        // The first job that it begins is to be this one.
        const jobs = async (which: string) =>
          (await database.query(`select from pgboss.job where name = 'describe-media' and ${which}`)).rowCount
        await secondsUntil(async () => (await jobs(`state < 'completed'`)) === 0)
        await Promise.all(installation.running.map((each) => installation.kill(each)))
        const fired = join(folder, 'fired')
        const server = await installation.start('serve', {
          FAIL_POINT: 'describe-media claimed',
          FAIL_FIRED: fired,
          FAIL_SIGNAL: 'SIGSTOP',
          NODE_OPTIONS: `--import=${ARM}`,
        })
        const limit = (files: number) =>
          promisify(execFile)('prlimit', ['--pid', `${server.child.pid}`, `--nofile=${files}:`])
        // So that the job wants for no connection to any store.
        await Promise.all(Array.from({ length: 6 }, () => told(`${server.url}/healthcheck/`)))
        await Promise.all(Array.from({ length: 6 }, () => told(`${server.url}/media/`)))
        const sending = upload(server.url, log, { title: 'to be read' })
        await seeUntil(see, 'its job begun', async () => existsSync(fired))
        await limit(1)
        server.child.kill('SIGCONT')
        const { id } = (await sending).body
        const isTried = async () => (await jobs(`data->>'id' = '${String(id)}' and state = 'retry'`)) === 1
        await seeUntil(see, 'tried in vain', isTried)
        await limit(1024)
        const metadata = async () => (await told(`${server.url}/media/${String(id)}/metadata/`)).body['status']
        await seeUntil(see, 'described', async () => (await metadata()) === 'none')
      },
    },
    {
      what: 'a job that always throws',
      isLong: true,
      isAlone: true,
      async play(see) {
        await Promise.all(installation.running.map((each) => installation.kill(each)))
        const poisoned = join(folder, 'poisoned')
        await writeFile(poisoned, '')
        const server = await installation.start('serve', { ...MISBEHAVIOUR, POISONED: poisoned })
        const { id } = (await upload(server.url, log, { title: 'poisoned' })).body
        const dead = async () =>
          (await database.query(`select from pgboss.job where name = 'dead-jobs' and data->>'id' = '${String(id)}'`))
            .rowCount === 1
        await seeUntil(see, 'among the dead jobs', dead, 120_000)
        const attempts = (await readFile(poisoned, 'utf8')).split('\n').filter((line) => line === id).length
        see(`${attempts} attempts`, attempts === ATTEMPTS)
        await rm(poisoned)
        const next = await upload(server.url, log, { title: 'the next one' })
        see(`the next upload ${inWords(next)}`, next.status === 201)
        const rebuilt = await run(['rebuild'], installation.variables)
        see(`rebuild ended with ${rebuilt.status}`, rebuilt.status === 0)
        const status = async () =>
          (await told(`${server.url}/media/${String(id)}/metadata/`)).body['status'] !== 'pending'
        await seeUntil(see, 'described', status)
        await database.query(`delete from pgboss.job where name = 'dead-jobs'`)
      },
    },
  ]
  const rows = await playFaults('processes that misbehave', faults, installation, log, options)
  await rm(folder, { recursive: true })
  return rows
}

if (import.meta.main) await runAlone(misbehaving)
