import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { BOUNDARY, begin, field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { chunksOf, collect, pngOf, sha256 } from '../samples.ts'
import type { ClientLog } from './client-log.ts'

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** The time between two chunks of 64 KiB of the body. */
  readonly pauseMs?: number
  /** The time limit for the whole response. */
  readonly timeoutMs?: number
  /** Called before the last chunk of the body is sent. */
  readonly onLast?: () => void
}

/** A response and its duration. */
export interface HttpResponse {
  /** Undefined if the connection failed or the request timed out. Then its outcome is not known. */
  readonly status: number | undefined
  /** The last part of the problem's `type` (RFC 9457). */
  readonly code: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  /** The bytes as JSON, or an empty object. */
  readonly body: Readonly<Record<string, unknown>>
  readonly seconds: number
}

const CHUNK_BYTES = 64 * 1024
/** A stopped server (SIGSTOP) neither responds nor closes the connection. */
const TIMEOUT_MS = 30_000
const RETRY_MS = 50

/** Sends one request on a new connection. */
export async function request(url: string, options: RequestOptions = {}): Promise<HttpResponse> {
  const start = performance.now()
  return toResponse(await exchange(url, options).catch(() => undefined), start)
}

async function exchange(url: string, options: RequestOptions): Promise<RawResponse> {
  const { method = 'GET', headers, body, pauseMs = 0, timeoutMs = TIMEOUT_MS, onLast } = options
  const outgoing = httpRequest(url, {
    method,
    agent: false,
    headers: { ...headers, ...(body && { 'Content-Length': body.length }) },
    signal: AbortSignal.timeout(timeoutMs),
  })
  // `responded` reports the error. It is awaited after the last byte.
  outgoing.on('error', () => {})
  const responded = once(outgoing, 'response') as Promise<[IncomingMessage]>
  responded.catch(() => undefined)
  const chunks = body ? chunksOf(body, CHUNK_BYTES) : []
  for (const [n, chunk] of chunks.entries()) {
    if (outgoing.destroyed) break
    if (n === chunks.length - 1) onLast?.()
    outgoing.write(chunk)
    if (pauseMs > 0) await setTimeout(pauseMs)
  }
  outgoing.end()
  const [response] = await responded
  return { status: response.statusCode ?? 0, headers: response.headers, body: await collect(response) }
}

interface RawResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

function toResponse(raw: RawResponse | undefined, start: number): HttpResponse {
  const body = raw && /json/.test(raw.headers['content-type'] ?? '') ? JSON.parse(raw.body.toString()) : {}
  return {
    status: raw?.status,
    code: typeof body.type === 'string' ? body.type.split('/').at(-1) : undefined,
    headers: raw?.headers ?? {},
    bytes: raw?.body ?? Buffer.alloc(0),
    body,
    seconds: (performance.now() - start) / 1000,
  }
}

/** Returns a text such as `503 unavailable after 4.5 s`. */
export const format = ({ status, code, seconds }: HttpResponse): string =>
  `${status ?? 'no response'}${code === undefined ? '' : ` ${code}`} after ${seconds.toFixed(1)} s`

/** Reads the content of a media item. Follows the redirect to the storage. */
export async function readContent(url: string, options: RequestOptions = {}): Promise<HttpResponse> {
  const response = await request(url, options)
  return response.status === 307 ? request(response.headers.location ?? '', options) : response
}

export interface UploadOptions extends Pick<RequestOptions, 'pauseMs' | 'timeoutMs'> {
  readonly title: string
  /** Default: bytes that are made from the title, so that each title has its own digest. */
  readonly bytes?: Buffer
  readonly size?: number
  readonly key?: string
  readonly filename?: string
}

/** Sends an upload once and records the outcome in the log. */
export async function upload(server: string, log: ClientLog, options: UploadOptions): Promise<HttpResponse> {
  const { title, size = 50_000, bytes = pngOf(size, title), key, filename, ...rest } = options
  const digest = sha256(bytes)
  const record = log.of(digest) ?? log.uploadSent(digest, title, key)
  const response = await request(`${server}/upload/`, {
    ...rest,
    method: 'POST',
    headers: {
      'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...(key !== undefined && { 'Idempotency-Key': key }),
    },
    body: form(field('title', title), file(bytes, filename)),
    onLast: () => (record.completeFrom ??= performance.now()),
  })
  const { status, code, body } = response
  if (status === 201) {
    record.ids.add(String(body['id']))
    if (body['sha256'] !== digest) log.unexpected.push(`${title} was acknowledged with other bytes`)
  }
  // An error means that nothing was stored, except `outcome-unknown`. With a key, the outcome of an earlier try is not known.
  else if (status !== undefined && code !== 'outcome-unknown' && key === undefined) record.isRefused = true
  return response
}

/** The request of a change of the title. */
export const titleChange = (title: string, headers: RequestOptions['headers'] = {}): RequestOptions => ({
  method: 'PATCH',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify({ title })),
})

/** Changes a title once and records the outcome in the log. No other client may change it at the same time. */
export async function rename(
  server: string,
  log: ClientLog,
  { id, sha256 }: HttpResponse['body'],
  title: string,
  headers?: RequestOptions['headers'],
): Promise<HttpResponse> {
  log.renameSent(String(sha256), title)
  const response = await request(`${server}/media/${String(id)}/`, titleChange(title, headers))
  if (response.status === 200) log.renameAcknowledged(String(sha256), title)
  return response
}

/** Deletes a media item once and records the outcome in the log. */
export async function remove(
  server: string,
  log: ClientLog,
  { id, sha256 }: HttpResponse['body'],
  options: RequestOptions = {},
): Promise<HttpResponse> {
  log.deletionSent(String(sha256))
  const response = await request(`${server}/media/${String(id)}/`, { ...options, method: 'DELETE' })
  if (response.status === 204) log.deletionAcknowledged(String(sha256))
  return response
}

/** After these statuses nothing was decided, or another upload with the key is in progress. */
const UNDECIDED: readonly unknown[] = [undefined, 409, 502, 503, 504]
export const isDecided = ({ status }: HttpResponse): boolean => !UNDECIDED.includes(status)

/**
 * Sends a request to one server after the other until its outcome is decided.
 * @param server The address of a server, or undefined while no server runs.
 * @returns The last response, and whether an earlier try may have had an effect.
 */
export async function untilDecided(
  server: () => string | undefined,
  send: (server: string) => Promise<HttpResponse>,
  timeoutMs = 60_000,
): Promise<HttpResponse & { readonly isRepeated: boolean }> {
  let isRepeated = false
  for (const start = performance.now(); performance.now() - start < timeoutMs; await setTimeout(RETRY_MS)) {
    const url = server()
    if (url === undefined) continue
    const response = await send(url)
    if (isDecided(response)) return { ...response, isRepeated }
    isRepeated = true
  }
  throw new Error(`A request was not decided within ${timeoutMs / 1000} s.`)
}

/** Sends a part of an upload and waits for the response without sending the rest. */
export async function uploadUnfinished(server: string): Promise<HttpResponse> {
  const start = performance.now()
  const wire = new Wire(Number(new URL(server).port))
  await wire.send(post(begin(file(pngOf(5_000_000)))).subarray(0, 100_000))
  const response = await wire.answer().catch(() => undefined)
  wire.leave()
  return toResponse(response, start)
}
