import { setTimeout } from 'node:timers/promises'
import { expect, type TestContext } from 'vitest'
import { pngOf, sha256 } from '../../samples.ts'
import { type HttpResponse, isDecided, readContent, remove, request, titleChange, upload } from '../client.ts'
import type { ClientLog } from '../client-log.ts'
import type { Installation } from '../installation.ts'
import { seeded } from '../seeded.ts'
import { expectNothingLost, until } from '../suite.ts'
import { anomaliesIn, type History, type Item, type Operation, STORAGE_FAILS } from './check.ts'

export interface LoadOptions {
  readonly log: ClientLog
  /** The addresses of the servers that can be used now. */
  readonly servers: () => readonly string[]
  readonly clients: number
  readonly seed: number
  /** The time limit of a request. It must be short if servers are stopped, because another server may answer. */
  readonly timeoutMs?: number
}

/** The minimum and maximum number of media items. One list can show all of them. */
const [MIN_MEDIA, MAX_MEDIA] = [10, 60]
const PAGE = 100
const LARGEST = 2_000_000
/** The default time limit of a request, and the minimum for an upload, which is sent slowly. */
const TIMEOUT_MS = { request: 30_000, upload: 10_000 }
/** The delay before the next request while no server listens. */
const NO_SERVER_MS = 20

/**
 * Clients that upload, read, change and delete the media items of all of them. Each request is sent once, except some
 * uploads. The times of call and return and the response are recorded.
 */
export class Load implements History {
  readonly operations: Operation[] = []
  readonly #log: ClientLog
  readonly #servers: LoadOptions['servers']
  readonly #random: () => number
  readonly #timeoutMs: number
  readonly #clients: Promise<unknown>
  /** The media items that probably exist, and those that were deleted. Some requests are for deleted ones. */
  #pool: Item[] = []
  readonly #deleted: Item[] = []
  #isOver = false
  #isSettled = false

  constructor({ log, servers, clients, seed, timeoutMs = TIMEOUT_MS.request }: LoadOptions) {
    this.#log = log
    this.#servers = servers
    this.#random = seeded(seed + 1)
    this.#timeoutMs = timeoutMs
    const numbers = Array.from({ length: clients }, (_, n) => n)
    this.#clients = Promise.all(numbers.map((client) => this.#work(client, seeded(seed * 1000 + client))))
    // `end` reports a rejection.
    this.#clients.catch(() => undefined)
  }

  readonly completeFrom = (digest: string): number => this.#log.of(digest)?.completeFrom ?? Number.POSITIVE_INFINITY

  /** The number of operations with a response. */
  get answered(): number {
    return this.operations.filter(({ status }) => status !== undefined).length
  }

  get summary(): string {
    const media = new Set(this.operations.map(({ id }) => id)).size
    return `${this.answered} operations answered, on ${media} media items`
  }

  /** Stops the clients. Resolves when their last operations have finished. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#clients
  }

  /** Reads each media item by its row and by the cache, when everything is settled. Returns the anomalies. */
  async anomalies(expected?: readonly number[]): Promise<readonly string[]> {
    this.#isSettled = true
    const ids = new Set(this.operations.flatMap(({ what, id }) => (what === 'upload' && id ? [id] : [])))
    for (const id of ids) {
      await this.#read(0, id)
      await this.#title(0, id)
    }
    await this.#list(0)
    return anomaliesIn(this, expected)
  }

  async #work(client: number, random: () => number): Promise<void> {
    const pick = (items: readonly Item[]) => items[Math.floor(random() * items.length)]
    for (let n = 0; !this.#isOver; n++) {
      const choice = random()
      const item = (random() < 0.1 && pick(this.#deleted)) || pick(this.#pool)
      const isFull = this.#pool.length >= MAX_MEDIA
      if (!item || this.#pool.length < MIN_MEDIA || (choice < 0.1 && !isFull)) {
        const uploaded = await this.#uploadAny(client, `client-${client}-upload-${n}`, random)
        if (uploaded) this.#pool.push(uploaded)
      } else if (choice < 0.44) await this.#read(client, item.id)
      else if (choice < 0.54) await this.#title(client, item.id)
      else if (choice < 0.62) await this.#content(client, item.id)
      else if (choice < 0.68) await this.#metadata(client, item.id)
      else if (choice < 0.76) await this.#list(client)
      else if (choice < 0.9) await this.#rename(client, item, `client-${client}-rename-${n}`, choice < 0.83)
      else {
        this.#pool = this.#pool.filter((each) => each !== item)
        this.#deleted.push(item)
        await this.#delete(client, item)
      }
    }
  }

  #uploadAny(client: number, title: string, random: () => number): Promise<Item | undefined> {
    const bytes = pngOf(100 + Math.floor(random() ** 4 * LARGEST), title)
    const pauseMs = random() < 0.5 ? 0 : random() * 60
    const kind = random()
    // Some clients do not repeat a failed upload, so that only the server can clean it up.
    return this.upload(client, title, { bytes, pauseMs, hasKey: kind > 0.2, isRepeated: kind > 0.35 })
  }

  /** Sends an upload, and repeats it with its key until it is decided. */
  async upload(
    client: number,
    title: string,
    options: { bytes?: Buffer; pauseMs?: number; hasKey?: boolean; isRepeated?: boolean; server?: string } = {},
  ): Promise<Item | undefined> {
    const { bytes = pngOf(1000, title), pauseMs = 0, hasKey = true, isRepeated = hasKey, server } = options
    const timeoutMs = Math.max(this.#timeoutMs, TIMEOUT_MS.upload)
    const digest = sha256(bytes)
    const sent = { title, bytes, pauseMs, timeoutMs, ...(hasKey && { key: title }) }
    const called = performance.now()
    const isDone = (last: HttpResponse | undefined) => !isRepeated || this.#isOver || (last && isDecided(last))
    let answer: HttpResponse | undefined
    do answer = await this.#send((url) => upload(server ?? url, this.#log, sent))
    while (!isDone(answer))
    const item = answer?.status === 201 ? shown(answer) : undefined
    // An undecided upload may take effect later.
    const result = outcome(answer && isDecided(answer) ? answer : undefined)
    this.#record({ what: 'upload', client, called, ...result, ...item, asked: title, sha256: digest })
    return item
  }

  #read(client: number, id: string): Promise<HttpResponse | undefined> {
    return this.#do({ what: 'read', client, id }, this.#get(`/media/${id}/`), shown)
  }

  #title(client: number, id: string): Promise<unknown> {
    const parse = (answer: HttpResponse) => ({ title: shown(answer).title })
    return this.#do({ what: 'title', client, id }, this.#get(`/media/${id}/title/`), parse)
  }

  #metadata(client: number, id: string): Promise<unknown> {
    return this.#do({ what: 'metadata', client, id }, this.#get(`/media/${id}/metadata/`))
  }

  #content(client: number, id: string): Promise<unknown> {
    const send = (server: string) => readContent(`${server}/media/${id}/content/`, { timeoutMs: this.#timeoutMs })
    return this.#do({ what: 'content', client, id }, send, ({ bytes }) => ({ sha256: sha256(bytes) }))
  }

  async #rename(client: number, item: Item, asked: string, isConditional: boolean): Promise<void> {
    const { id } = item
    const read = isConditional ? await this.#read(client, id) : undefined
    if (isConditional && read?.status !== 200) return
    // Other clients may change it, too, so the log does not know its last title.
    this.#log.renameSent(item.sha256, asked)
    const from = read && shown(read).version
    const change = titleChange(asked, read && { 'If-Match': read.headers.etag ?? '' })
    const send = (server: string) => request(`${server}/media/${id}/`, { ...change, timeoutMs: this.#timeoutMs })
    await this.#do({ what: 'rename', client, id, asked, from }, send, shown)
  }

  #delete(client: number, item: Item): Promise<unknown> {
    const send = (server: string) => remove(server, this.#log, { ...item }, { timeoutMs: this.#timeoutMs })
    return this.#do({ what: 'delete', client, id: item.id }, send)
  }

  /** Lists the newest media items. */
  #list(client: number): Promise<unknown> {
    return this.#do({ what: 'list', client }, this.#get(`/media/?limit=${PAGE}`), ({ body }) => ({
      items: body['items'] as Item[],
      isWhole: body['next'] === null,
    }))
  }

  async #do(
    operation: Pick<Operation, 'what' | 'client' | 'id' | 'asked' | 'from'>,
    send: (server: string) => Promise<HttpResponse>,
    parse: (answer: HttpResponse) => Partial<Operation> = () => ({}),
  ): Promise<HttpResponse | undefined> {
    const called = performance.now()
    const answer = await this.#send(send)
    const isSuccess = answer?.status !== undefined && answer.status < 300
    this.#record({ called, ...outcome(answer), ...(isSuccess && parse(answer)), ...operation })
    return answer
  }

  async #send(send: (server: string) => Promise<HttpResponse>): Promise<HttpResponse | undefined> {
    const servers = this.#servers()
    const server = servers[Math.floor(this.#random() * servers.length)]
    if (server !== undefined) return send(server)
    await setTimeout(NO_SERVER_MS)
    return undefined
  }

  #get(path: string): (server: string) => Promise<HttpResponse> {
    return (server) => request(server + path, { timeoutMs: this.#timeoutMs })
  }

  #record(operation: Operation): void {
    this.operations.push({ ...operation, isSettled: this.#isSettled })
  }
}

const outcome = (answer: HttpResponse | undefined): Pick<Operation, 'returned' | 'status'> =>
  answer?.status === undefined
    ? { returned: Number.POSITIVE_INFINITY, status: undefined }
    : { returned: performance.now(), status: answer.status }

/** The media item of a response. */
function shown({ body }: HttpResponse): Item {
  const { id, version, title, sha256: digest } = body
  return { id: String(id), version: Number(version), title: String(title), sha256: String(digest) }
}

/**
 * Runs clients while faults occur. Then nothing may be lost, doubled or orphaned, and the history of the clients may
 * have no anomaly.
 */
export async function underLoad(
  installation: Installation,
  options: Omit<LoadOptions, 'log' | 'servers'>,
  context: TestContext,
  faults: (load: Load) => Promise<unknown>,
): Promise<void> {
  const load = new Load({ ...options, log: installation.log, servers: () => installation.addresses })
  try {
    await faults(load)
    // Without a complete list, no media item could be missing in one.
    await until('a complete list is answered', async () => load.operations.some(({ isWhole }) => isWhole))
  } finally {
    await load.end()
  }
  await expectNothingLost(installation, context)
  const anomalies = await load.anomalies(installation.vendor && STORAGE_FAILS)
  await context.annotate(load.summary)
  expect(anomalies.slice(0, 20)).toEqual([])
}
