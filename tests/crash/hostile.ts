/** Files made to cost their reader all memory or time: what the server answers meanwhile, and who is read next. */
import { BOUNDARY, file, form } from '../e2e/multipart.ts'
import { sha256 } from '../samples.ts'
import { CASES, hungry } from '../unit/hostile-files.ts'
import { ask, jsonOf } from './ask.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { told, upload } from './told.ts'

/**
 * What is promised: how soon the file after a hostile one is described, in seconds, and within which time 99 of 100 looks at
 * the server's health are answered meanwhile, in ms. A brief run only sees whether anything stands still, on a busy machine too.
 */
const PROMISED = { next: 2, health: 250 }
const IN_TIME = { next: 10, health: 2500 }
const IN_BRIEF = 4

export const hostile: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem', { MAX_FILE_SIZE: '512MiB' }), new ClientLog()]
  const { url } = await installation.start()
  const most = options.isFull ? PROMISED : IN_TIME
  const statusOf = async (id: string) => (await told(`${url}/media/${id}/metadata/`)).body['status']
  const described = (id: string) => secondsUntil(async () => (await statusOf(id)) !== 'pending')

  const all = [...CASES, ['a table of contents of a gigabyte', 'application/pdf', hungry] as const]
  const faults = all.map(
    ([what, type, bytesOf], n): Fault => ({
      what: `${what}, ${type}`,
      isLong: n >= IN_BRIEF,
      isAlone: true,
      async play(see) {
        const bytes = bytesOf()
        const sent = log.sends(sha256(bytes), `hostile ${n}`)
        // Made before the pulse is taken: it would stop this process's clock, too.
        const body = form(file(bytes, `hostile ${n}`))
        const pulse = takePulse(url)
        const answer = await ask(`${url}/upload/`, {
          method: 'POST',
          headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
          body,
        })
        if (answer?.status === 201) {
          const id = String(jsonOf(answer)['id'])
          sent.ids.add(id)
          const seconds = await described(id)
          see(`201, then ${String(await statusOf(id))} after ${seconds?.toFixed(1)} s`, seconds !== undefined)
        } else {
          sent.isRefused = true
          see(`${answer?.status}`, answer !== undefined && answer.status >= 400 && answer.status < 500)
        }
        const next = await upload(url, log, { title: `after ${n}` })
        const id = String(next.body['id'])
        const seconds = (await described(id)) ?? Infinity
        const status = await statusOf(id)
        see(
          `the next file ${String(status)} after ${seconds.toFixed(1)} s`,
          seconds <= most.next && (status === 'ready' || status === 'none'),
        )
        const { p99, times } = await pulse()
        see(`health p99 ${Math.round(p99)} ms of ${times}`, p99 < most.health)
      },
    }),
  )
  return playFaults('hostile files', faults, installation, log, options)
}

/** Asks for the server's health again and again, until the returned function is called. */
function takePulse(url: string): () => Promise<{ p99: number; times: number }> {
  const taken: number[] = []
  const enough = new AbortController()
  const taking = (async () => {
    while (!enough.signal.aborted) {
      const { status, seconds } = await told(`${url}/healthcheck/`)
      taken.push(status === 200 ? seconds * 1000 : Infinity)
    }
  })()
  return async () => {
    enough.abort()
    await taking
    return { p99: taken.toSorted((a, b) => a - b)[Math.ceil(taken.length * 0.99) - 1] ?? Infinity, times: taken.length }
  }
}

if (import.meta.main) await runAlone(hostile)
