import { begin, field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { pngOf, sha256 } from '../samples.ts'
import type { ClientLog } from './client-log.ts'
import { type Check, checkUntil } from './faults.ts'
import { type HttpResponse, jsonOf, type RequestOptions, sendRequest, uploadRequest } from './http-client.ts'

/** A response and its duration. */
export interface TimedResponse {
  /** Undefined if the connection failed or the request timed out. */
  readonly status: number | undefined
  /** The last part of the problem's `type` (RFC 9457). */
  readonly code: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readonly<Record<string, unknown>>
  readonly seconds: number
}

export async function request(url: string, options: RequestOptions = {}): Promise<TimedResponse> {
  const start = performance.now()
  return toTimedResponse(await sendRequest(url, options), start)
}

/** Returns a text such as `503 unavailable after 4.5 s`. */
export const format = ({ status, code, seconds }: TimedResponse): string =>
  `${status ?? 'no response'}${code === undefined ? '' : ` ${code}`} after ${seconds.toFixed(1)} s`

/** @param expected The status. */
export async function checkHealth(check: Check, url: string, expected: number): Promise<void> {
  const { status, body } = await request(`${url}/healthcheck/`)
  check(`health ${status} ${String(body['status'])}`, status === expected)
}

export interface UploadOptions extends Pick<RequestOptions, 'pauseMs' | 'timeoutMs'> {
  /** The title. The bytes are made from it, so each title has its own digest. */
  readonly title: string
  readonly size?: number
  readonly key?: string
  readonly filename?: string
}

/** Sends an upload once and records the response in the log. The same title gives the same bytes. */
export async function upload(
  server: string,
  log: ClientLog,
  { title, size, key, filename, ...options }: UploadOptions,
): Promise<TimedResponse> {
  const bytes = pngOf(size ?? 50_000, title)
  const digest = sha256(bytes)
  const record = log.of(digest) ?? log.uploadSent(digest, title, key)
  const response = await request(`${server}/upload/`, {
    ...options,
    ...uploadRequest(form(field('title', title), file(bytes, filename)), key),
  })
  const { status, code, body } = response
  if (status === 201) record.ids.add(String(body['id']))
  // An error means that nothing was stored, except `outcome-unknown`. With a key, the outcome of an earlier try is not known.
  else if (status !== undefined && code !== 'outcome-unknown' && key === undefined) record.isRefused = true
  return response
}

let tries = 0

/** Checks that uploads succeed again. */
export async function checkUploads(check: Check, server: string, log: ClientLog): Promise<void> {
  await checkUntil(check, 'uploads succeed again', async () => {
    const { status } = await upload(server, log, { title: `after a fault, try ${++tries}` })
    return status === 201
  })
}

/** Sends a part of an upload and waits for the response without sending the rest. */
export async function uploadUnfinished(server: string): Promise<TimedResponse> {
  const start = performance.now()
  const wire = new Wire(Number(new URL(server).port))
  await wire.send(post(begin(file(pngOf(5_000_000)))).subarray(0, 100_000))
  const response = await wire.answer().catch(() => undefined)
  wire.leave()
  return toTimedResponse(response, start)
}

function toTimedResponse(
  response: Pick<HttpResponse, 'status' | 'headers' | 'body'> | undefined,
  start: number,
): TimedResponse {
  const isJson = response && /json/.test(response.headers['content-type'] ?? '')
  const body = isJson ? jsonOf({ ...response }) : {}
  return {
    status: response?.status,
    code: typeof body['type'] === 'string' ? body['type'].split('/').at(-1) : undefined,
    headers: response?.headers ?? {},
    body,
    seconds: (performance.now() - start) / 1000,
  }
}
