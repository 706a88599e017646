/** SIGTERM to idle and busy servers and workers, once and twice. */
import { setTimeout } from 'node:timers/promises'
import { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { type Check, checkUntil, type Fault, playFaults } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { format, request, upload } from './timed-requests.ts'

/** The maximum time from the end of the last request to the exit, in seconds. */
const PROMPT = 3
/** The time limits of requests and of jobs at shutdown, in seconds. */
const DRAIN = 30
const JOBS = 15

export const signals: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // This server runs the remaining jobs.
  const standby = await installation.start()
  const server = () => installation.start('serve', { WORKER: 'off' })
  const isInProgress = (title: string) => async () =>
    (await installation.database.query(`select from media_job where filename = '${title}.png' and state = 'receiving'`))
      .rowCount === 1
  const startUpload = async (check: Check, url: string, title: string, pauseMs: number, size = 1_000_000) => {
    const response = upload(url, log, { title, filename: `${title}.png`, size, pauseMs, timeoutMs: 60_000 })
    await checkUntil(check, 'in progress', isInProgress(title))
    return { response }
  }

  const faults: Fault[] = [
    {
      what: 'SIGTERM to an idle server',
      async play(check) {
        checkExit(check, await terminated(installation, await server()), 0, PROMPT)
      },
    },
    {
      what: 'SIGTERM during an upload',
      async play(check) {
        const stopping = await server()
        const { response } = await startUpload(check, stopping.url, 'in progress', 150)
        const exit = terminated(installation, stopping)
        await setTimeout(200)
        const late = await request(`${stopping.url}/ping/`)
        check(`another request: ${format(late)}`, late.status === undefined || late.status === 503)
        const answer = await response
        check(`the upload: ${format(answer)}`, answer.status === 201)
        checkExit(check, await exit, 0, answer.seconds + PROMPT)
      },
    },
    {
      what: 'SIGTERM during an upload that does not end',
      isLong: true,
      async play(check) {
        const stopping = await server()
        const { response } = await startUpload(check, stopping.url, 'endless', 1000, 4_000_000)
        checkExit(check, await terminated(installation, stopping), 0, DRAIN + PROMPT)
        const answer = await response
        check(`the upload: ${format(answer)}`, answer.status !== 201)
      },
    },
    {
      what: 'SIGTERM twice, during an upload',
      async play(check) {
        const stopping = await server()
        const { response } = await startUpload(check, stopping.url, 'twice', 300)
        const exit = terminated(installation, stopping)
        await setTimeout(300)
        stopping.child.kill('SIGTERM')
        checkExit(check, await exit, 1, PROMPT)
        const answer = await response
        check(`the upload: ${format(answer)}`, answer.status === undefined)
      },
    },
    {
      what: 'SIGTERM to a worker whose job waits for MongoDB',
      isAlone: true,
      async play(check) {
        const address = installation.variables['MONGODB_URL'] ?? ''
        const proxy = await FaultProxy.before(Number(new URL(address).port))
        const worker = await installation.start('worker', { MONGODB_URL: proxy.inFrontOf(address) })
        proxy.newConnections = 'hang'
        proxy.silence()
        await installation.kill(standby, 'SIGTERM')
        const front = await server()
        await upload(front.url, log, { title: 'job waits' })
        await checkUntil(check, 'a job in progress', async () => {
          const { rowCount } = await installation.database.query(
            `select from pgboss.job where name = 'describe-media' and state = 'active'`,
          )
          return rowCount === 1
        })
        checkExit(check, await terminated(installation, worker), 0, JOBS)
        proxy.close()
        // Runs the job that was returned to the queue.
        await installation.start('worker')
      },
    },
  ]
  return playFaults('SIGTERM', faults, installation, log, options)
}

interface Exit {
  readonly status: number | null
  readonly seconds: number
}

async function terminated(installation: Installation, server: ServerProcess): Promise<Exit> {
  const began = performance.now()
  await installation.kill(server, 'SIGTERM')
  const { status } = await server.ended
  return { status, seconds: (performance.now() - began) / 1000 }
}

function checkExit(check: Check, { status, seconds }: Exit, expected: number, maxSeconds: number): void {
  check(`exited with ${status} after ${seconds.toFixed(1)} s`, status === expected && seconds <= maxSeconds)
}
