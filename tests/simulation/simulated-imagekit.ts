import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { isRead } from './faults.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

interface Kept {
  readonly fileId: string
  readonly bytes: Uint8Array
  readonly since: number
}

/** How long lists don't know of what was kept or deleted, in ms. */
const LAG = 700
const FOLDER = '/media'
const DELIVERY = 'https://ik.imagekit.io/simulated'
/** The routes that the adapter uses, as effects on the world. */
const ROUTES: readonly (readonly [method: string, path: RegExp, effect: string])[] = [
  ['POST', /\/api\/v1\/files\/upload$/, 'imagekit.upload'],
  ['POST', /\/v1\/files\/purge$/, 'imagekit.purge'],
  ['DELETE', /\/v1\/files\/\w+$/, 'imagekit.delete'],
  ['GET', /\/v1\/files$/, 'imagekit.list'],
  ['GET', /^\/simulated\//, 'imagekit.deliver'],
]

/** What ImageKit keeps, and how it answers when nothing is in the way. */
export class SimulatedImagekit {
  readonly files = new Map<string, Kept>()
  readonly #world: World
  /** Deleted, but lists may still show them. */
  readonly #gone = new Map<string, Kept>()
  #named = 0

  constructor(world: World) {
    this.#world = world
  }

  storageOf(process: Process): ImagekitFileStorage {
    return new ImagekitFileStorage({
      privateKey: 'private_simulated',
      urlEndpoint: DELIVERY,
      folder: FOLDER,
      isPrivate: false,
      fetch: async (input, init = {}) =>
        this.#request(process, new URL(input instanceof Request ? input.url : input), init),
    })
  }

  async #request(process: Process, url: URL, init: RequestInit): Promise<Response> {
    const method = init.method?.toUpperCase() ?? 'GET'
    const [, , effect] = ROUTES.find(([verb, path]) => verb === method && path.test(url.pathname)) ?? []
    if (effect === undefined) throw new Error(`nobody knows ${method} ${url.pathname}`)
    const body = await received(process, init)
    const cut = (): Response => {
      throw new TypeError('fetch failed')
    }
    const run = () => this.#answer(effect, url, body)
    const answer = await (isRead(effect) ? process.read(effect, run, cut) : process.effect(effect, run, cut))
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
        return json(200, this.#listed(url.searchParams))
      default: {
        const kept = this.files.get(url.pathname.slice(`/simulated${FOLDER}/`.length))
        return kept ? new Response(kept.bytes.slice(), { status: 200 }) : new Response('Not Found', { status: 404 })
      }
    }
  }

  /** @param form the file is its last part. Whether a form is as it has to be is looked at by the double in tests/imagekit. */
  #upload(form: Buffer): Response {
    const from = form.indexOf('\r\n\r\n', form.indexOf('name="file"')) + 4
    const [, name = ''] = /name="fileName"\r\n\r\n(\S+)/.exec(form.toString('latin1', 0, from)) ?? []
    if (this.files.has(name)) return json(400, { message: 'A file with the same name already exists' })
    const bytes = Uint8Array.from(form.subarray(from, form.lastIndexOf('\r\n--')))
    const fileId = `id${++this.#named}`
    this.files.set(name, { fileId, bytes, since: this.#world.clock.now })
    return json(200, { fileId, filePath: `${FOLDER}/${name}`, size: bytes.length, url: `${DELIVERY}${FOLDER}/${name}` })
  }

  #delete(fileId: string): Response {
    const found = [...this.files].find(([, kept]) => kept.fileId === fileId)
    if (!found) return json(404, { message: 'The requested file does not exist.' })
    const [name, kept] = found
    this.files.delete(name)
    this.#gone.set(name, { ...kept, since: this.#world.clock.now })
    return new Response(null, { status: 204 })
  }

  #listed(asked: URLSearchParams): object[] {
    const [, wanted] = /name = "([^"]+)"/.exec(asked.get('searchQuery') ?? '') ?? []
    const until = this.#world.clock.now - LAG
    const shown = [
      ...[...this.files].filter(([, { since }]) => since <= until),
      ...[...this.#gone].filter(([, { since }]) => since > until),
    ]
    return shown
      .filter(([name]) => name === wanted)
      .map(([name, { fileId, bytes }]) => ({
        fileId,
        name,
        size: bytes.length,
        url: `${DELIVERY}${FOLDER}/${name}`,
        createdAt: new Date(0).toISOString(),
      }))
  }
}

/** The body of an upload as it comes, piece by piece; it may stop coming, and be cut off by its sender. */
async function received(process: Process, { body, signal }: RequestInit): Promise<Buffer> {
  if (!(body instanceof ReadableStream)) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    await process.read(
      'storage.bytes',
      () => undefined,
      () => {
        throw new TypeError('fetch failed')
      },
    )
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const json = (status: number, body: object): Response => Response.json(body, { status })
