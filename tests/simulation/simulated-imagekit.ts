import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { isRead } from './faults.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

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

/** The requests of the adapter, and their effects on the world. */
const ROUTES: readonly (readonly [request: RegExp, effect: string])[] = [
  [/^POST \/api\/v1\/files\/upload$/, 'imagekit.upload'],
  [/^POST \/v1\/files\/purge$/, 'imagekit.purge'],
  [/^DELETE \/v1\/files\/\w+$/, 'imagekit.delete'],
  [/^GET \/v1\/files$/, 'imagekit.list'],
  [/^GET \/simulated\//, 'imagekit.deliver'],
]

/** ImageKit in virtual time. tests/imagekit checks the form of requests; this class checks only what they do. */
export class SimulatedImagekit {
  /** By name. */
  readonly files = new Map<string, StoredFile>()
  readonly #world: World
  readonly #deleted = new Map<string, StoredFile>()
  #uploads = 0

  constructor(world: World) {
    this.#world = world
  }

  storageOf(process: Process): ImagekitFileStorage {
    return new ImagekitFileStorage({
      privateKey: 'private_simulated',
      urlEndpoint: URL_ENDPOINT,
      folder: FOLDER,
      isPrivate: false,
      fetch: (input, init = {}) => this.#request(process, new URL(input instanceof Request ? input.url : input), init),
    })
  }

  async #request(process: Process, url: URL, init: RequestInit): Promise<Response> {
    const request = `${init.method?.toUpperCase() ?? 'GET'} ${url.pathname}`
    const [, effect] = ROUTES.find(([pattern]) => pattern.test(request)) ?? []
    if (effect === undefined) throw new Error(`The simulated ImageKit has no route ${request}.`)
    const body = await readBody(process, init)
    const run = () => this.#answer(effect, url, body)
    const answer = await (isRead(effect)
      ? process.read(effect, run, disconnect)
      : process.effect(effect, run, disconnect))
    init.signal?.throwIfAborted()
    return answer
  }

  #answer(effect: string, url: URL, body: Buffer): Response {
    switch (effect) {
      case 'imagekit.upload':
        return this.#upload(body)
      case 'imagekit.delete':
        return this.#delete(url.pathname.slice('/v1/files/'.length))
      case 'imagekit.purge':
        return json(201, { requestId: 'x' })
      case 'imagekit.list':
        return json(200, this.#list(url.searchParams))
      default: {
        const file = this.files.get(url.pathname.slice(`/simulated${FOLDER}/`.length))
        return file ? new Response(file.bytes.slice()) : new Response('Not Found', { status: 404 })
      }
    }
  }

  /** @param form A multipart form whose last part is the file. */
  #upload(form: Buffer): Response {
    const start = form.indexOf('\r\n\r\n', form.indexOf('name="file"')) + 4
    const [, name = ''] = /name="fileName"\r\n\r\n(\S+)/.exec(form.toString('latin1', 0, start)) ?? []
    if (this.files.has(name)) return json(400, { message: 'A file with the same name already exists' })
    const bytes = Uint8Array.from(form.subarray(start, form.lastIndexOf('\r\n--')))
    const fileId = `id${++this.#uploads}`
    this.files.set(name, { fileId, bytes, changedAt: this.#world.clock.now })
    const filePath = `${FOLDER}/${name}`
    return json(200, { fileId, filePath, size: bytes.length, url: `${URL_ENDPOINT}${filePath}` })
  }

  #delete(fileId: string): Response {
    const [name, file] = [...this.files].find(([, each]) => each.fileId === fileId) ?? []
    if (name === undefined || !file) return json(404, { message: 'The requested file does not exist.' })
    this.files.delete(name)
    this.#deleted.set(name, { ...file, changedAt: this.#world.clock.now })
    return new Response(null, { status: 204 })
  }

  /** Finds by name only: no simulated process lists all files at ImageKit. */
  #list(query: URLSearchParams): object[] {
    const [, name = ''] = /name = "([^"]+)"/.exec(query.get('searchQuery') ?? '') ?? []
    const shownUntil = this.#world.clock.now - LIST_LAG_MS
    const [stored, deleted] = [this.files.get(name), this.#deleted.get(name)]
    const listed = [
      ...(stored && stored.changedAt <= shownUntil ? [stored] : []),
      ...(deleted && deleted.changedAt > shownUntil ? [deleted] : []),
    ]
    const createdAt = new Date(0).toISOString()
    return listed.map(({ fileId, bytes }) => ({ fileId, name, size: bytes.length, createdAt }))
  }
}

/** Each chunk of an upload is an effect of its own, at which the process or the connection may fail. */
async function readBody(process: Process, { body, signal }: RequestInit): Promise<Buffer> {
  if (!(body instanceof ReadableStream)) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    await process.read('storage.bytes', () => undefined, disconnect)
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The error of fetch when a connection breaks. */
function disconnect(): never {
  throw new TypeError('fetch failed')
}

const json = (status: number, body: object): Response => Response.json(body, { status })
