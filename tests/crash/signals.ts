/** SIGTERM, to servers and workers that are idle or busy, once and twice. */
import { setTimeout } from 'node:timers/promises'
import { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, type See, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, told, upload } from './told.ts'

/** At most so long, in seconds, after what was under way has ended. */
const PROMPT = 3
/** How long requests may go on, and jobs after them. */
const DRAIN = 30
const JOBS = 15

export const signals: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // Nothing is left undone where this one runs.
  const standby = await installation.start()
  const server = () => installation.start('serve', { WORKER: 'off' })
  const isUnderWay = (title: string) => async () =>
    (await installation.database.query(`select from media_job where filename = '${title}.png' and state = 'receiving'`))
      .rowCount === 1
  const begin = async (see: See, url: string, title: string, pause: number, size = 1_000_000) => {
    const sending = upload(url, log, { title, filename: `${title}.png`, size, pause, patience: 60_000 })
    await seeUntil(see, 'under way', isUnderWay(title))
    return { sending }
  }

  const faults: Fault[] = [
    {
      what: 'SIGTERM to an idle server',
      async play(see) {
        seeEnd(see, await terminated(installation, await server()), 0, PROMPT)
      },
    },
    {
      what: 'SIGTERM during an upload',
      async play(see) {
        const stopping = await server()
        const { sending } = await begin(see, stopping.url, 'under way', 150)
        const ending = terminated(installation, stopping)
        await setTimeout(200)
        const late = await told(`${stopping.url}/ping/`)
        see(`another request: ${inWords(late)}`, late.status === undefined || late.status === 503)
        const answer = await sending
        see(`the upload: ${inWords(answer)}`, answer.status === 201)
        seeEnd(see, await ending, 0, answer.seconds + PROMPT)
      },
    },
    {
      what: 'SIGTERM during an upload that does not end',
      isLong: true,
      async play(see) {
        const stopping = await server()
        const { sending } = await begin(see, stopping.url, 'endless', 1000, 4_000_000)
        seeEnd(see, await terminated(installation, stopping), 0, DRAIN + PROMPT)
        const answer = await sending
        see(`the upload: ${inWords(answer)}`, answer.status !== 201)
      },
    },
    {
      what: 'SIGTERM twice, during an upload',
      async play(see) {
        const stopping = await server()
        const { sending } = await begin(see, stopping.url, 'twice', 300)
        const ending = terminated(installation, stopping)
        await setTimeout(300)
        stopping.child.kill('SIGTERM')
        seeEnd(see, await ending, 1, PROMPT)
        const answer = await sending
        see(`the upload: ${inWords(answer)}`, answer.status === undefined)
      },
    },
    {
      what: 'SIGTERM to a worker whose job waits for MongoDB',
      isAlone: true,
      async play(see) {
        const address = installation.variables['MONGODB_URL'] ?? ''
        const proxy = await FaultProxy.before(Number(new URL(address).port))
        const worker = await installation.start('worker', { MONGODB_URL: proxy.inFrontOf(address) })
        proxy.newOnes = 'hang'
        proxy.silence()
        await installation.kill(standby, 'SIGTERM')
        const front = await server()
        await upload(front.url, log, { title: 'its job waits' })
        await seeUntil(see, 'a job under way', async () => {
          const { rowCount } = await installation.database.query(
            `select from pgboss.job where name = 'describe-media' and state = 'active'`,
          )
          return rowCount === 1
        })
        seeEnd(see, await terminated(installation, worker), 0, JOBS)
        proxy.close()
        // Does what was handed back.
        await installation.start('worker')
      },
    },
  ]
  return playFaults('SIGTERM', faults, installation, log, options)
}

interface Ending {
  readonly status: number | null
  readonly seconds: number
}

async function terminated(installation: Installation, server: ServerProcess): Promise<Ending> {
  const began = performance.now()
  await installation.kill(server, 'SIGTERM')
  const { status } = await server.ended
  return { status, seconds: (performance.now() - began) / 1000 }
}

function seeEnd(see: See, { status, seconds }: Ending, wanted: number, most: number): void {
  see(`ended with ${status} after ${seconds.toFixed(1)} s`, status === wanted && seconds <= most)
}

if (import.meta.main) await runAlone(signals)
