import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { chunksOf, collect } from '../samples.ts'

export interface ReadOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Between two chunks of the body, in ms. */
  readonly pause?: number
  /** How long to wait for the whole answer, in ms. */
  readonly patience?: number
  /** Called before the last chunk of the body is sent. */
  readonly onLast?: () => void
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const CHUNK = 64 * 1024
/** Nobody waits longer; a server that was stopped gives no answer and does not break the connection either. */
const PATIENCE_MS = 30_000

/**
 * One request on a connection of its own. Nothing, where the connection broke or the patience ended before the whole answer
 * was there: then nobody knows what became of it.
 */
export async function ask(url: string, asking: ReadOptions = {}): Promise<Answer | undefined> {
  try {
    return await exchange(url, asking)
  } catch {
    return undefined
  }
}

/** Goes where an answer sends it. */
export const follow = async (answer: Answer | undefined): Promise<Answer | undefined> =>
  answer?.status === 307 ? ask(answer.headers.location ?? '') : answer

async function exchange(url: string, asking: ReadOptions): Promise<Answer> {
  const { method, headers, body, pause = 0, patience = PATIENCE_MS, onLast } = asking
  const sending = request(url, {
    method: method ?? 'GET',
    agent: false,
    headers: { ...headers, ...(body && { 'Content-Length': body.length }) },
    signal: AbortSignal.timeout(patience),
  })
  // Told by `answered`, which is heard below, after the last byte.
  sending.on('error', () => {})
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => undefined)
  const chunks = body ? chunksOf(body, CHUNK) : []
  for (const [n, chunk] of chunks.entries()) {
    if (sending.destroyed) break
    if (n === chunks.length - 1) onLast?.()
    sending.write(chunk)
    if (pause > 0) await setTimeout(pause)
  }
  sending.end()
  const [response] = await answered
  return { status: response.statusCode ?? 0, headers: response.headers, body: await collect(response) }
}

export const jsonOf = ({ body }: Answer): Readonly<Record<string, unknown>> => JSON.parse(body.toString())
