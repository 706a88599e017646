import { expect } from 'vitest'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import type { ReadOptions } from '../../src/application/library/get-media.ts'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import type { MetadataStore } from '../../src/application/ports/metadata-store.ts'
import type { TitleCache } from '../../src/application/ports/title-cache.ts'
import type { Unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect, inChunks, PNG } from '../samples.ts'

export interface World {
  readonly mediaport: Mediaport
  /** The ports themselves, behind what `wrap…` puts in front of them. */
  readonly media: MediaRepository
  readonly storage: FileStorage
  readonly metadata: MetadataStore
  readonly titles: TitleCache
  /** The events of all transitions, in their order. */
  readonly told: readonly MediaEvent[]
  /** Every row that an upload may have written, in any state. */
  readonly rows: () => Promise<Media[]>
  /** The one row there is. */
  readonly row: () => Promise<Media>
  /** How many files the storage shows. */
  readonly files: () => Promise<number>
  readonly content: (id: string, asking?: ReadOptions) => Promise<Buffer>
  /** A stored media with a file of its own. */
  readonly upload: (given?: Sent) => Promise<Stored>
}

interface Sent {
  readonly title?: string
  readonly tags?: string[]
  readonly owner?: string
  readonly bytes?: Uint8Array
}

export interface Given {
  readonly policy?: Partial<Policy>
  /** Puts a fault in front of the repository. */
  readonly wrapMedia?: (media: MediaRepository) => MediaRepository
  /** Puts a fault in front of the storage. */
  readonly wrapStorage?: (storage: FileStorage) => FileStorage
  readonly ports?: Partial<Omit<Ports, 'media'>>
}

/** The bytes of a media item. */
export async function read(mediaport: Mediaport, id: string, options?: ReadOptions): Promise<Buffer> {
  return collect((await mediaport.openContent(id, options).andThen(({ open }) => open()))._unsafeUnwrap())
}

/** The use cases over ports in memory. */
export function world({ policy, wrapMedia = same, wrapStorage = same, ports: given }: Given = {}): World {
  const told: MediaEvent[] = []
  const media = new MemoryMediaRepository({ add: (_, events) => void told.push(...events) })
  const ports = { ...memoryPorts(), ...given }
  const ids: MediaId[] = []
  const { identity } = ports
  const [storage] = ports.storages
  const newId = () => {
    const id = identity.newId()
    ids.push(id)
    return id
  }
  const mediaport = createMediaport(
    {
      ...ports,
      media: wrapMedia(media),
      storages: [wrapStorage(storage), ...ports.storages.slice(1)],
      identity: { newId, newAttempt: () => identity.newAttempt() },
    },
    policy,
  )
  const rows = async () => {
    const answers = await Promise.all(ids.map((id) => media.get(id)))
    return answers.flatMap((answer) => (answer.isOk() ? [answer.value] : []))
  }

  return {
    mediaport,
    media,
    storage,
    metadata: ports.metadata,
    titles: ports.titles,
    told,
    rows,
    row: async () => {
      const [row, ...others] = await rows()
      if (row === undefined || others.length > 0) throw new Error('there is not one row')
      return row
    },
    files: async () => (await storage.list())._unsafeUnwrap().length,
    content: async (id, asking) => read(mediaport, id, asking),
    upload: async ({ bytes = PNG, owner = 'anonymous', ...details } = {}) => {
      const upload = { filename: 'a.png', body: inChunks(bytes), owner, details }
      const { replayed: _, ...stored } = (await mediaport.uploadMedia(upload))._unsafeUnwrap()
      return stored
    },
  }
}

/** `port` with some of its methods replaced. */
export const over = <Port extends object>(port: Port, replaced: Partial<Port>): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in replaced ? replaced : target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Waits until `look` sees what is expected. */
export const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 5000 })

/** Waits for `work`, but not for ever: what never settles fails at once, not at the test's time limit. */
export function watched<T>(work: PromiseLike<T>) {
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

/** A body in the test's hands: it knows what was asked of it, and sends what and when it is told to. */
export class Sender implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  /** How many chunks were asked for. */
  asked = 0
  /** Whether it was told to stop. */
  stopped = false
  readonly #ready: Promise<IteratorResult<Uint8Array>>[] = []
  readonly #awaited: PromiseWithResolvers<IteratorResult<Uint8Array>>[] = []

  constructor(...chunks: Uint8Array[]) {
    for (const chunk of chunks) this.send(chunk)
  }

  send(value: Uint8Array): this {
    return this.#give(Promise.resolve({ done: false, value }))
  }

  end(): this {
    return this.#give(Promise.resolve({ done: true, value: undefined }))
  }

  fail(cause: unknown): this {
    const failure = Promise.reject(cause)
    failure.catch(() => undefined)
    return this.#give(failure)
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.asked++
    const ready = this.#ready.shift()
    if (ready) return ready
    const awaited = Promise.withResolvers<IteratorResult<Uint8Array>>()
    this.#awaited.push(awaited)
    return awaited.promise
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.stopped = true
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #give(result: Promise<IteratorResult<Uint8Array>>): this {
    const awaited = this.#awaited.shift()
    if (awaited) awaited.resolve(result)
    else this.#ready.push(result)
    return this
  }
}

const same = <T>(port: T): T => port
