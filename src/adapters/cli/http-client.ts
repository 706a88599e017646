import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { err, ok, ResultAsync } from 'neverthrow'
import type { Client, ClientError, LocalFile, MediaItem, Page, UploadDetails } from './client.ts'

/** The delays before an upload is sent again. */
const RETRY_DELAYS_MS = [500, 2000, 5000]

/**
 * Works on a server through its HTTP API.
 *
 * @example
 * const client = new HttpClient('http://127.0.0.1:8000')
 * const page = await client.list({ limit: 20 })
 */
export class HttpClient implements Client {
  readonly #server: string
  readonly #headers: Readonly<Record<string, string>>

  /**
   * @param server The URL of the server, with or without a slash at the end.
   * @param credentials An API key or a token, for a server that needs one.
   */
  constructor(server: string, credentials?: string) {
    this.#server = server.replace(/\/+$/, '')
    this.#headers = credentials ? { Authorization: `Bearer ${credentials}` } : {}
  }

  upload(
    file: LocalFile,
    details: UploadDetails,
    onProgress: (sentBytes: number) => void,
  ): ResultAsync<MediaItem, ClientError> {
    return this.#json(this.#send(file, details, onProgress))
  }

  list(query: Parameters<Client['list']>[0]): ResultAsync<Page, ClientError> {
    const defined = Object.entries(query).filter(([, value]) => value !== undefined)
    const parameters = new URLSearchParams(defined.map(([name, value]) => [name, String(value)]))
    return this.#json(this.#fetch(`/media/?${parameters.toString()}`))
  }

  get(id: string): ResultAsync<MediaItem, ClientError> {
    return this.#json(this.#fetch(`/media/${encodeURIComponent(id)}/`))
  }

  content(id: string): ResultAsync<AsyncIterable<Uint8Array>, ClientError> {
    return this.#answer(this.#fetch(`/media/${encodeURIComponent(id)}/content/`)).andThen(({ body }) =>
      body ? ok(body) : err({ code: 'no-answer', message: 'The server sent no content.' }),
    )
  }

  async close(): Promise<void> {}

  /**
   * Repeats the upload after a lost answer, 503 or 409. This is safe, because uploads with one key create one media
   * item.
   */
  async #send(file: LocalFile, details: UploadDetails, onProgress: (sentBytes: number) => void): Promise<Response> {
    for (const delayMs of RETRY_DELAYS_MS) {
      const answer = await this.#sendOnce(file, details, onProgress).catch(() => undefined)
      if (answer && answer.status !== 503 && answer.status !== 409) return answer
      await setTimeout(delayMs)
    }
    return this.#sendOnce(file, details, onProgress)
  }

  async #sendOnce(
    { path, size }: LocalFile,
    { title, tags, key }: UploadDetails,
    onProgress: (sentBytes: number) => void,
  ): Promise<Response> {
    const form = new FormData()
    if (title !== undefined) form.append('title', title)
    for (const tag of tags) form.append('tags', tag)
    // The header of a part cannot contain control characters, and the server would drop them.
    form.append('file', await openAsBlob(path), basename(path).replace(/\p{Cc}/gu, ''))
    const { body, headers: formHeaders } = new Response(form)
    const headers = { ...Object.fromEntries(formHeaders), 'Idempotency-Key': key, ...this.#headers }
    let sentBytes = 0
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sentBytes += chunk.length
        onProgress(Math.min(sentBytes, size))
        controller.enqueue(chunk)
      },
    })
    const countedBody = body?.pipeThrough(counter) ?? null
    return fetch(`${this.#server}/upload/`, { method: 'POST', headers, body: countedBody, duplex: 'half' })
  }

  #fetch(path: string): Promise<Response> {
    return fetch(this.#server + path, { headers: this.#headers })
  }

  #json<T>(request: Promise<Response>): ResultAsync<T, ClientError> {
    return this.#answer(request).andThen((response) =>
      ResultAsync.fromPromise(response.json() as Promise<T>, () => unknownAnswer(this.#server, response.status)),
    )
  }

  #answer(request: Promise<Response>): ResultAsync<Response, ClientError> {
    return ResultAsync.fromPromise(request, (error) => noAnswer(this.#server, error)).andThen((response) =>
      response.ok ? ok(response) : new ResultAsync(this.#problem(response).then((error) => err(error))),
    )
  }

  async #problem(response: Response): Promise<ClientError> {
    const problem: unknown = await response.json().catch(() => undefined)
    if (typeof problem !== 'object' || problem === null || !('type' in problem && 'title' in problem))
      return unknownAnswer(this.#server, response.status)
    const detail = 'detail' in problem ? ` ${String(problem.detail)}` : ''
    return { code: String(problem.type).split('/').at(-1) ?? '', message: `${String(problem.title)}.${detail}` }
  }
}

const unknownAnswer = (server: string, status: number): ClientError => ({
  code: 'no-answer',
  message: `${server} answered with status ${status}, but not like mediaport. Check the address.`,
})

function noAnswer(server: string, error: unknown): ClientError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return {
    code: 'no-answer',
    message: `${server} does not answer (${reason}). Check the address, and that the server is running.`,
  }
}
