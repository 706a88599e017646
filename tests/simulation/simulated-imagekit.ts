import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { receive } from './each-method.ts'
import type { Effect } from './faults.ts'
import type { VirtualClock } from './virtual-clock.ts'

interface StoredFile {
  readonly fileId: string
  readonly bytes: Uint8Array
  /** The virtual time in ms at which it was stored or deleted. */
  readonly changedAt: number
}

/** Lists show each change after this time. */
const LIST_LAG_MS = 700
const FOLDER = '/media'
const URL_ENDPOINT = 'https://ik.imagekit.io/simulated'

/** ImageKit in virtual time. tests/imagekit checks the form of requests; this class checks only what they do. */
export class SimulatedImagekit {
  /** By name. */
  readonly files = new Map<string, StoredFile>()
  readonly #clock: VirtualClock
  readonly #deleted = new Map<string, StoredFile>()
  #uploads = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  storageOf(effect: Effect): ImagekitFileStorage {
    return new ImagekitFileStorage({
      privateKey: 'private_simulated',
      urlEndpoint: URL_ENDPOINT,
      folder: FOLDER,
      isPrivate: false,
      fetch: async (input, { method = 'get', body, signal } = {}) => {
        const url = new URL(input instanceof Request ? input.url : input)
        const bytes =
          body instanceof ReadableStream ? await receive(body, effect, signal, disconnection) : Buffer.alloc(0)
        const [name, run] = this.#route(`${method.toUpperCase()} ${url.pathname}`, url.searchParams, bytes)
        const answer = await effect(`imagekit.${name}`, run, disconnection)
        signal?.throwIfAborted()
        return answer
      },
    })
  }

  /** @returns The effect of a request, and its name. */
  #route(request: string, query: URLSearchParams, body: Buffer): [name: string, run: () => Response] {
    const lastPart = request.slice(request.lastIndexOf('/') + 1)
    if (request === 'POST /api/v1/files/upload') return ['upload', () => this.#upload(body)]
    if (request === 'POST /v1/files/purge') return ['purge', () => json(201, { requestId: 'x' })]
    if (request === 'GET /v1/files') return ['list', () => json(200, this.#list(query))]
    if (request.startsWith('DELETE /v1/files/')) return ['delete', () => this.#delete(lastPart)]
    if (request.startsWith(`GET /simulated${FOLDER}/`)) return ['deliver', () => this.#deliver(lastPart)]
    throw new Error(`The simulated ImageKit has no route ${request}.`)
  }

  /** @param form A multipart form whose last part is the file. */
  #upload(form: Buffer): Response {
    const start = form.indexOf('\r\n\r\n', form.indexOf('name="file"')) + 4
    const [, name = ''] = /name="fileName"\r\n\r\n(\S+)/.exec(form.toString('latin1', 0, start)) ?? []
    if (this.files.has(name)) return json(400, { message: 'A file with the same name already exists' })
    const bytes = Uint8Array.from(form.subarray(start, form.lastIndexOf('\r\n--')))
    const fileId = `id${++this.#uploads}`
    this.files.set(name, { fileId, bytes, changedAt: this.#clock.now })
    const filePath = `${FOLDER}/${name}`
    return json(200, { fileId, filePath, size: bytes.length, url: `${URL_ENDPOINT}${filePath}` })
  }

  #delete(fileId: string): Response {
    const [name, file] = [...this.files].find(([, each]) => each.fileId === fileId) ?? []
    if (name === undefined || !file) return json(404, { message: 'The requested file does not exist.' })
    this.files.delete(name)
    this.#deleted.set(name, { ...file, changedAt: this.#clock.now })
    return new Response(null, { status: 204 })
  }

  /** Finds by name only: no simulated process lists all files at ImageKit. */
  #list(query: URLSearchParams): object[] {
    const [, name = ''] = /name = "([^"]+)"/.exec(query.get('searchQuery') ?? '') ?? []
    const shownUntil = this.#clock.now - LIST_LAG_MS
    const stored = [this.files.get(name)].filter((file) => file && file.changedAt <= shownUntil)
    const deleted = [this.#deleted.get(name)].filter((file) => file && file.changedAt > shownUntil)
    const createdAt = new Date(0).toISOString()
    return [...stored, ...deleted].map((file) => ({ fileId: file?.fileId, name, size: file?.bytes.length, createdAt }))
  }

  #deliver(name: string): Response {
    const file = this.files.get(name)
    return file ? new Response(file.bytes.slice()) : new Response('Not Found', { status: 404 })
  }
}

/** The error of fetch when a connection breaks. */
const disconnection = () => new TypeError('fetch failed')

const json = (status: number, body: object): Response => Response.json(body, { status })
