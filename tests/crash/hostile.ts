/**
 * Files that are made to exhaust the memory or time of their reader: the responses of the server, and the next file.
 */
import { file, form } from '../e2e/multipart.ts'
import { sha256 } from '../samples.ts'
import { CASES, pdfBomb } from '../unit/hostile-files.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, secondsUntil } from './faults.ts'
import { jsonOf, sendRequest, uploadRequest } from './http-client.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { request, upload } from './timed-requests.ts'

/**
 * The guarantees: the seconds until the file after a hostile one is described, and the 99th percentile of the duration
 * of health checks, in ms. A short run may share its machine with other work, so it only detects a blocked server.
 */
const GUARANTEED = { next: 2, health: 250 }
const IN_TIME = { next: 10, health: 2500 }
const SHORT_RUN = 4

export const hostile: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem', { MAX_FILE_SIZE: '512MiB' }), new ClientLog()]
  const { url } = await installation.start()
  const max = options.isFull ? GUARANTEED : IN_TIME
  const statusOf = async (id: string) => (await request(`${url}/media/${id}/metadata/`)).body['status']
  const described = (id: string) => secondsUntil(async () => (await statusOf(id)) !== 'pending')

  const all = [...CASES, ['a cross-reference table of a gigabyte', 'application/pdf', pdfBomb] as const]
  const faults = all.map(
    ([what, type, bytesOf], n): Fault => ({
      what: `${what}, ${type}`,
      isLong: n >= SHORT_RUN,
      isAlone: true,
      async play(check) {
        const bytes = bytesOf()
        const record = log.uploadSent(sha256(bytes), `hostile ${n}`)
        // Made before the health checks start, because it blocks this process.
        const body = form(file(bytes, `hostile ${n}`))
        const endMeasurement = measureHealth(url)
        const answer = await sendRequest(`${url}/upload/`, uploadRequest(body))
        if (answer?.status === 201) {
          const id = String(jsonOf(answer)['id'])
          record.ids.add(id)
          const seconds = await described(id)
          check(`201, then ${String(await statusOf(id))} after ${seconds?.toFixed(1)} s`, seconds !== undefined)
        } else {
          record.isRefused = true
          check(`${answer?.status}`, answer !== undefined && answer.status >= 400 && answer.status < 500)
        }
        const next = await upload(url, log, { title: `after ${n}` })
        const id = String(next.body['id'])
        const seconds = (await described(id)) ?? Infinity
        const status = await statusOf(id)
        check(
          `the next file ${String(status)} after ${seconds.toFixed(1)} s`,
          seconds <= max.next && (status === 'ready' || status === 'none'),
        )
        const { p99, times } = await endMeasurement()
        check(`health p99 ${Math.round(p99)} ms of ${times}`, p99 < max.health)
      },
    }),
  )
  return playFaults('hostile files', faults, installation, log, options)
}

/** Repeats health checks until the returned function is called. */
function measureHealth(url: string): () => Promise<{ p99: number; times: number }> {
  const durations: number[] = []
  const stop = new AbortController()
  const requests = (async () => {
    while (!stop.signal.aborted) {
      const { status, seconds } = await request(`${url}/healthcheck/`)
      durations.push(status === 200 ? seconds * 1000 : Infinity)
    }
  })()
  return async () => {
    stop.abort()
    await requests
    return {
      p99: durations.toSorted((a, b) => a - b)[Math.ceil(durations.length * 0.99) - 1] ?? Infinity,
      times: durations.length,
    }
  }
}
