import { expect } from 'vitest'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import type { ReadOptions } from '../../src/application/library/get-media.ts'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import type { MetadataStore } from '../../src/application/ports/metadata-store.ts'
import type { TitleCache } from '../../src/application/ports/title-cache.ts'
import type { Unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect, inChunks, PNG } from '../samples.ts'

export interface World {
  readonly mediaport: Mediaport
  /** The ports without the faults that `wrapMedia` and `wrapStorage` add. */
  readonly media: MediaRepository
  readonly storage: FileStorage
  readonly metadata: MetadataStore
  readonly titles: TitleCache
  /** The events of all transitions, in order. */
  readonly events: readonly MediaEvent[]
  readonly eventTypes: () => MediaEvent['type'][]
  /** The first 1,000 rows in any state, in the order of their ids. */
  readonly rows: () => Promise<readonly Media[]>
  /** The only row. Throws if there is none or more than one. */
  readonly row: () => Promise<Media>
  /** The number of files in the storage. */
  readonly files: () => Promise<number>
  readonly content: (id: string, options?: Partial<ReadOptions>) => Promise<Buffer>
  /** Uploads a file and returns the stored media item. */
  readonly upload: (options?: UploadOptions) => Promise<Stored>
}

interface UploadOptions {
  readonly title?: string
  readonly tags?: string[]
  readonly owner?: string
  readonly bytes?: Uint8Array
}

export interface WorldOptions {
  readonly policy?: Partial<Policy>
  /** Adds faults to the repository. */
  readonly wrapMedia?: (media: MediaRepository) => MediaRepository
  /** Adds faults to the storage. */
  readonly wrapStorage?: (storage: FileStorage) => FileStorage
  readonly ports?: Partial<Omit<Ports, 'media'>>
}

/** Returns the bytes of a media item. */
export async function read(mediaport: Mediaport, id: string, options?: Partial<ReadOptions>): Promise<Buffer> {
  return collect(
    (await mediaport.openContent(id, { owner: EVERYONE, ...options }).andThen(({ open }) => open()))._unsafeUnwrap(),
  )
}

/** Creates the use cases over ports in memory. */
export function createWorld({ policy, wrapMedia = same, wrapStorage = same, ...options }: WorldOptions = {}): World {
  const events: MediaEvent[] = []
  const media = new MemoryMediaRepository({ add: (_, added) => void events.push(...added) })
  const ports = { ...memoryPorts(), ...options.ports }
  const [storage] = ports.storages
  const mediaport = createMediaport(
    {
      ...ports,
      media: wrapMedia(media),
      storages: [wrapStorage(storage), ...ports.storages.slice(1)],
    },
    policy,
  )
  const rows = async () => (await media.scan(undefined, 1000))._unsafeUnwrap()

  return {
    mediaport,
    media,
    storage,
    metadata: ports.metadata,
    titles: ports.titles,
    events,
    eventTypes: () => events.map(({ type }) => type),
    rows,
    row: async () => {
      const [row, ...others] = await rows()
      if (row === undefined || others.length > 0) throw new Error('There is not exactly one row.')
      return row
    },
    files: async () => (await storage.list())._unsafeUnwrap().length,
    content: async (id, readOptions) => read(mediaport, id, readOptions),
    upload: async ({ bytes = PNG, owner = 'me', ...details } = {}) => {
      const upload = { filename: 'a.png', body: inChunks(bytes), owner, details }
      const { replayed: _, ...stored } = (await mediaport.uploadMedia(upload))._unsafeUnwrap()
      return stored
    },
  }
}

/** Returns a proxy of `port` in which the methods of `replacements` take the place of its own. */
export const override = <Port extends object>(port: Port, replacements: Partial<Port>): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in replacements ? replacements : target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Repeats `probe` for up to 5 s until the matcher accepts its value. */
export const eventually = <T>(probe: () => T) => expect.poll(probe, { timeout: 5000 })

/** Waits for `work` for up to 5 s, so that work that never settles fails before the time limit of the test. */
export function track<T>(work: PromiseLike<T>) {
  let settled = false
  const done = (async () => {
    try {
      return await work
    } finally {
      settled = true
    }
  })()
  const outcome = async (): Promise<T> => {
    await eventually(() => settled).toBe(true)
    return done
  }
  return { isSettled: () => settled, outcome }
}

export const down: Unavailable = { type: 'unavailable', dependency: 'database', cause: new Error('down') }

/** A body that the test controls. It counts the reads, and sends chunks when the test calls `send`. */
export class Sender implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  /** The number of calls of `next`. */
  reads = 0
  /** Whether `return` was called. */
  stopped = false
  readonly #ready: Promise<IteratorResult<Uint8Array>>[] = []
  readonly #waiting: PromiseWithResolvers<IteratorResult<Uint8Array>>[] = []

  constructor(...chunks: Uint8Array[]) {
    for (const chunk of chunks) this.send(chunk)
  }

  send(value: Uint8Array): this {
    return this.#deliver(Promise.resolve({ done: false, value }))
  }

  end(): this {
    return this.#deliver(Promise.resolve({ done: true, value: undefined }))
  }

  fail(cause: unknown): this {
    const failure = Promise.reject(cause)
    failure.catch(() => undefined)
    return this.#deliver(failure)
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.reads++
    const ready = this.#ready.shift()
    if (ready) return ready
    const request = Promise.withResolvers<IteratorResult<Uint8Array>>()
    this.#waiting.push(request)
    return request.promise
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.stopped = true
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #deliver(result: Promise<IteratorResult<Uint8Array>>): this {
    const request = this.#waiting.shift()
    if (request) request.resolve(result)
    else this.#ready.push(result)
    return this
  }
}

const same = <T>(port: T): T => port
