import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { err, ok, ResultAsync } from 'neverthrow'
import type { About, Client, Failure, LocalFile, MediaView, PageView } from './client.ts'

const RETRY_AFTER_MS = [500, 2000, 5000]

/** The commands over a server's HTTP API. */
export class HttpClient implements Client {
  readonly #server: string

  /** @param server its address, such as `http://127.0.0.1:8000`. */
  constructor(server: string) {
    this.#server = server.replace(/\/+$/, '')
  }

  upload(file: LocalFile, about: About, onProgress: (sent: number) => void): ResultAsync<MediaView, Failure> {
    return this.#json(this.#send(file, about, onProgress))
  }

  list(query: Parameters<Client['list']>[0]): ResultAsync<PageView, Failure> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    const parameters = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
    return this.#json(this.#fetch(`/media/?${parameters.toString()}`))
  }

  get(id: string): ResultAsync<MediaView, Failure> {
    return this.#json(this.#fetch(`/media/${encodeURIComponent(id)}/`))
  }

  content(id: string): ResultAsync<AsyncIterable<Uint8Array>, Failure> {
    return this.#answer(this.#fetch(`/media/${encodeURIComponent(id)}/content/`)).andThen(({ body }) =>
      body ? ok(body) : err({ code: 'no-answer', message: 'The server sent no content.' }),
    )
  }

  async close(): Promise<void> {}

  /** Sends it again when there was no answer, or one that says so: under the same key there is only ever one media. */
  async #send(file: LocalFile, about: About, onProgress: (sent: number) => void): Promise<Response> {
    for (const wait of RETRY_AFTER_MS) {
      const answer = await this.#sendOnce(file, about, onProgress).catch(() => undefined)
      if (answer && answer.status !== 503 && answer.status !== 409) return answer
      await setTimeout(wait)
    }
    return this.#sendOnce(file, about, onProgress)
  }

  async #sendOnce({ path, size }: LocalFile, { title, tags, key }: About, onProgress: (sent: number) => void) {
    const form = new FormData()
    if (title !== undefined) form.append('title', title)
    for (const tag of tags) form.append('tags', tag)
    // A part's header has no place for control characters, and the server would drop them anyway.
    form.append('file', await openAsBlob(path), basename(path).replace(/\p{Cc}/gu, ''))
    const { body, headers } = new Response(form)
    headers.set('Idempotency-Key', key)
    let sent = 0
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sent += chunk.length
        onProgress(Math.min(sent, size))
        controller.enqueue(chunk)
      },
    })
    const counted = body?.pipeThrough(count) ?? null
    return fetch(`${this.#server}/upload/`, { method: 'POST', headers, body: counted, duplex: 'half' })
  }

  #fetch(path: string): Promise<Response> {
    return fetch(this.#server + path)
  }

  #json<T>(request: Promise<Response>): ResultAsync<T, Failure> {
    return this.#answer(request).andThen((response) =>
      ResultAsync.fromPromise(response.json() as Promise<T>, () => notOurs(this.#server, response.status)),
    )
  }

  #answer(request: Promise<Response>): ResultAsync<Response, Failure> {
    return ResultAsync.fromPromise(request, (error) => noAnswer(this.#server, error)).andThen((response) =>
      response.ok ? ok(response) : new ResultAsync(this.#problem(response).then((failure) => err(failure))),
    )
  }

  async #problem(response: Response): Promise<Failure> {
    const problem: unknown = await response.json().catch(() => undefined)
    if (typeof problem !== 'object' || problem === null || !('type' in problem && 'title' in problem))
      return notOurs(this.#server, response.status)
    const detail = 'detail' in problem ? ` ${String(problem.detail)}` : ''
    return { code: String(problem.type).split('/').at(-1) ?? '', message: `${String(problem.title)}.${detail}` }
  }
}

const notOurs = (server: string, status: number): Failure => ({
  code: 'no-answer',
  message: `${server} answered ${status}, but not as mediaport does. Is the address right?`,
})

function noAnswer(server: string, error: unknown): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  return { code: 'no-answer', message: `${server} does not answer (${why}). Is it running?` }
}
