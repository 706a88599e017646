import { BOUNDARY, begin, field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { pngOf, sha256 } from '../samples.ts'
import { type Answer, ask, jsonOf, type ReadOptions } from './ask.ts'
import type { ClientLog } from './client-log.ts'
import type { See } from './faults.ts'

/** What a client was told, and how long it waited for it. */
export interface Told {
  /** Nothing, where the connection broke or no answer came in time. */
  readonly status: number | undefined
  /** Of a problem. */
  readonly code: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readonly<Record<string, unknown>>
  readonly seconds: number
}

export async function told(url: string, asking: ReadOptions = {}): Promise<Told> {
  const began = performance.now()
  return toTold(await ask(url, asking), began)
}

/** Such as `503 unavailable after 4.5 s`. */
export const inWords = ({ status, code, seconds }: Told): string =>
  `${status ?? 'no answer'}${code === undefined ? '' : ` ${code}`} after ${seconds.toFixed(1)} s`

/** @param wanted the status. */
export async function seeHealth(see: See, url: string, wanted: number): Promise<void> {
  const { status, body } = await told(`${url}/healthcheck/`)
  see(`health ${status} ${String(body['status'])}`, status === wanted)
}

export interface Sent extends Pick<ReadOptions, 'pause' | 'patience'> {
  /** Names the upload, and makes its bytes, which are like no other's. */
  readonly title: string
  readonly size?: number
  readonly key?: string
  readonly filename?: string
}

/** Sends one upload once and notes in the log what was said to it; the same title again is the same upload again. */
export async function upload(
  server: string,
  log: ClientLog,
  { title, size, key, filename, ...how }: Sent,
): Promise<Told> {
  const bytes = pngOf(size ?? 50_000, title)
  const digest = sha256(bytes)
  const noted = log.of(digest) ?? log.sends(digest, title, key)
  const answer = await told(`${server}/upload/`, {
    ...how,
    method: 'POST',
    headers: {
      'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...(key !== undefined && { 'Idempotency-Key': key }),
    },
    body: form(field('title', title), file(bytes, filename)),
  })
  const { id } = answer.body
  if (answer.status === 201) noted.ids.add(String(id))
  // An error says that nothing was kept, unless it says that nobody knows; what another try did is not known either.
  else if (answer.status !== undefined && answer.code !== 'outcome-unknown' && key === undefined) noted.isRefused = true
  return answer
}

/** Sends a part of an upload, and waits for the answer without ever sending the rest. */
export async function uploadWithoutEnd(server: string): Promise<Told> {
  const began = performance.now()
  const wire = new Wire(Number(new URL(server).port))
  await wire.send(post(begin(file(pngOf(5_000_000)))).subarray(0, 100_000))
  const answer = await wire.answer().catch(() => undefined)
  wire.leave()
  return toTold(answer, began)
}

function toTold(answer: Pick<Answer, 'status' | 'headers' | 'body'> | undefined, began: number): Told {
  const isJson = answer && /json/.test(answer.headers['content-type'] ?? '')
  const body = isJson ? jsonOf({ ...answer }) : {}
  return {
    status: answer?.status,
    code: typeof body['type'] === 'string' ? body['type'].split('/').at(-1) : undefined,
    headers: answer?.headers ?? {},
    body,
    seconds: (performance.now() - began) / 1000,
  }
}
