import { setTimeout } from 'node:timers/promises'
import { field, file, form } from '../../e2e/multipart.ts'
import { sha256 } from '../../samples.ts'
import { isOpen } from '../careful-client.ts'
import {
  type HttpResponse,
  jsonOf,
  type RequestOptions,
  sendRequest,
  titleChange,
  uploadRequest,
} from '../http-client.ts'
import type { History, Item, Operation } from './log.ts'

/** Short, because a stopped server does not answer and there is another one. */
const TIMEOUT_MS = 1500
/** The delay before the next request while no server listens. */
const NO_SERVER_MS = 20
const PAGE = 100

/** Sends the requests of clients, each once, and records the times of call and return and the response. */
export class Recorder implements History {
  readonly operations: Operation[] = []
  readonly completeFrom = new Map<string, number>()
  readonly #server: () => string | undefined
  /** Whether everything is settled, so that nothing may be old. */
  isSettled = false

  constructor(server: () => string | undefined) {
    this.#server = server
  }

  /** The number of operations with a response. */
  get answered(): number {
    return this.operations.filter(({ status }) => status !== undefined).length
  }

  /**
   * Repeats the upload with its key until it is decided.
   * @returns The id.
   */
  async upload(client: number, bytes: Buffer, title: string, options: { pauseMs: number; isOver: () => boolean }) {
    const digest = sha256(bytes)
    const { pauseMs, isOver } = options
    const onLast = () => {
      if (!this.completeFrom.has(digest)) this.completeFrom.set(digest, performance.now())
    }
    const body = form(field('title', title), file(bytes))
    const request = { ...uploadRequest(body, title), pauseMs, onLast, timeoutMs: 10_000 }
    const called = performance.now()
    let answer: HttpResponse | undefined
    do answer = await this.#sendRequest('/upload/', request)
    while (isOpen(answer) && !isOver())
    const media = answer?.status === 201 ? shown(answer) : undefined
    // An undecided upload may take effect later.
    const result = outcome(isOpen(answer) ? undefined : answer)
    this.#record({ what: 'upload', client, called, ...result, ...media, asked: title, sha256: digest })
    return media?.id
  }

  read(client: number, id: string): Promise<void> {
    return this.#do('read', client, id, `/media/${id}/`, {}, shown)
  }

  metadata(client: number, id: string): Promise<void> {
    return this.#do('metadata', client, id, `/media/${id}/metadata/`)
  }

  title(client: number, id: string): Promise<void> {
    return this.#do('title', client, id, `/media/${id}/title/`, {}, (answer) => ({ title: shown(answer).title }))
  }

  content(client: number, id: string): Promise<void> {
    return this.#do('content', client, id, `/media/${id}/content/`, {}, ({ body }) => ({ sha256: sha256(body) }))
  }

  rename(client: number, id: string, asked: string): Promise<void> {
    return this.#do('rename', client, id, `/media/${id}/`, titleChange(asked), shown, { asked })
  }

  delete(client: number, id: string): Promise<void> {
    return this.#do('delete', client, id, `/media/${id}/`, { method: 'DELETE' }, () => ({}))
  }

  /** Lists the newest media items. */
  list(client: number): Promise<void> {
    return this.#do('list', client, undefined, `/media/?limit=${PAGE}`, {}, (answer) => {
      const { items, next } = jsonOf(answer) as { items: Item[]; next: string | null }
      return { items, isWhole: next === null }
    })
  }

  async #do(
    what: Operation['what'],
    client: number,
    id: string | undefined,
    path: string,
    options: RequestOptions = {},
    parse: (answer: HttpResponse) => Partial<Operation> = () => ({}),
    more: Partial<Operation> = {},
  ): Promise<void> {
    const called = performance.now()
    const answer = await this.#sendRequest(path, options)
    const isSuccess = answer !== undefined && answer.status < 300
    this.#record({
      what,
      client,
      called,
      id,
      ...outcome(answer),
      ...more,
      ...(isSuccess && { ...parse(answer), ...(id !== undefined && { id }) }),
    })
  }

  #record(operation: Operation): void {
    this.operations.push({ ...operation, isSettled: this.isSettled })
  }

  async #sendRequest(path: string, options: RequestOptions): Promise<HttpResponse | undefined> {
    const server = this.#server()
    if (server !== undefined) return sendRequest(server + path, { timeoutMs: TIMEOUT_MS, ...options })
    await setTimeout(NO_SERVER_MS)
    return undefined
  }
}

const outcome = (answer: HttpResponse | undefined): Pick<Operation, 'returned' | 'status'> =>
  answer
    ? { returned: performance.now(), status: answer.status }
    : { returned: Number.POSITIVE_INFINITY, status: undefined }

/** The media item of a response. */
function shown(answer: HttpResponse): { id: string; version: number; title: string; sha256: string } {
  const { id, version, title, sha256: digest } = jsonOf(answer)
  return { id: String(id), version: Number(version), title: String(title), sha256: String(digest) }
}
