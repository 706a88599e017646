import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { BOUNDARY } from '../e2e/multipart.ts'
import { chunksOf, collect } from '../samples.ts'

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** The time between two chunks of the body. */
  readonly pauseMs?: number
  /** The time limit for the whole response. */
  readonly timeoutMs?: number
  /** Called before the last chunk of the body is sent. */
  readonly onLast?: () => void
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const CHUNK_BYTES = 64 * 1024
/** A stopped server (SIGSTOP) neither responds nor closes the connection. */
const TIMEOUT_MS = 30_000

/**
 * Sends one request on a new connection.
 * @returns Undefined if the connection failed or the request timed out. Then its outcome is not known.
 */
export async function sendRequest(url: string, options: RequestOptions = {}): Promise<HttpResponse | undefined> {
  try {
    return await exchange(url, options)
  } catch {
    return undefined
  }
}

/** Follows the redirect of a response. */
export const followRedirect = async (response: HttpResponse | undefined): Promise<HttpResponse | undefined> =>
  response?.status === 307 ? sendRequest(response.headers.location ?? '') : response

async function exchange(url: string, options: RequestOptions): Promise<HttpResponse> {
  const { method = 'GET', headers, body, pauseMs = 0, timeoutMs = TIMEOUT_MS, onLast } = options
  const outgoing = request(url, {
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

/** The request of an upload. */
export const uploadRequest = (body: Buffer, key?: string): RequestOptions => ({
  method: 'POST',
  headers: {
    'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
    ...(key !== undefined && { 'Idempotency-Key': key }),
  },
  body,
})

/** The request of a change of the title. */
export const titleChange = (title: string, headers: RequestOptions['headers'] = {}): RequestOptions => ({
  method: 'PATCH',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify({ title })),
})

export const jsonOf = ({ body }: HttpResponse): Readonly<Record<string, unknown>> => JSON.parse(body.toString())
