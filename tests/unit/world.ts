import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import type { ReadOptions } from '../../src/application/library/get-media.ts'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import type { Unavailable } from '../../src/application/ports/unavailable.ts'
import type { Details } from '../../src/application/upload/details.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import { type StorageKey, storageKey } from '../../src/domain/media/ids.ts'
import type { Receiving, Stored } from '../../src/domain/media/media.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect, inChunks, PNG } from '../samples.ts'

export type World = ReturnType<typeof createWorld>
type UploadOptions = Details & { readonly owner?: string; readonly bytes?: Uint8Array }

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
export function createWorld({ policy, wrapMedia = same, wrapStorage = same, ...options }: WorldOptions = {}) {
  const events: MediaEvent[] = []
  const media: MediaRepository = new MemoryMediaRepository({ add: (_, added) => void events.push(...added) })
  const { storages, ...ports } = { ...memoryPorts(), ...options.ports }
  const [storage, ...others] = storages
  const mediaport = createMediaport(
    { ...ports, media: wrapMedia(media), storages: [wrapStorage(storage), ...others] },
    policy,
  )
  /** The first 1,000 rows in any state, in the order of their ids. */
  const rows = async () => (await media.scan(undefined, 1000))._unsafeUnwrap()

  return {
    mediaport,
    /** The ports without the faults that `wrapMedia` and `wrapStorage` add. */
    media,
    storage,
    metadata: ports.metadata,
    titles: ports.titles,
    /** The events of all transitions, in order. */
    events: events as readonly MediaEvent[],
    eventTypes: () => events.map(({ type }) => type),
    rows,
    /** The only row. Throws if there is none or more than one. */
    row: async () => {
      const [row, ...more] = await rows()
      if (row === undefined || more.length > 0) throw new Error('There is not exactly one row.')
      return row
    },
    /** The number of files in the storage. */
    files: async () => (await storage.list())._unsafeUnwrap().length,
    content: (id: string, readOptions?: ReadOptions) => read(mediaport, id, readOptions),
    /** Uploads a file and returns the stored media item. */
    upload: async ({ bytes = PNG, owner = 'me', ...details }: UploadOptions = {}): Promise<Stored> => {
      const upload = { filename: 'a.png', body: inChunks(bytes), owner, details }
      const { replayed: _, ...stored } = (await mediaport.uploadMedia(upload))._unsafeUnwrap()
      return stored
    },
  }
}

/** Creates what a process leaves that crashes after the last byte of an upload: a row in `receiving`, and its file. */
export async function createCrashedUpload({ media, storage }: Pick<World, 'media' | 'storage'>): Promise<Receiving> {
  const [id, attempt] = [randomIdentity.newId(), randomIdentity.newAttempt()]
  const key = storageKey(id, attempt)
  const filename = parseFileName('a.png')._unsafeUnwrap()
  const intent = { id, owner: 'anonymous', attempt, storage: storage.name, storageKey: key, filename, mimeType }
  await putFile(storage, key)
  return (await media.add(intent, 60))._unsafeUnwrap()
}

/** Puts a file into the storage without a row. */
export async function putFile(storage: FileStorage, key: StorageKey, bytes: Uint8Array = PNG): Promise<void> {
  const hints = { contentType: mimeType, signal: new AbortController().signal }
  ;(await storage.put(key, inChunks(bytes), hints))._unsafeUnwrap()
}

const mimeType = 'image/png' as ContentType

/** Returns a proxy of `port` in which the methods of `replacements` take the place of its own. */
export const override = <Port extends object>(port: Port, replacements: Partial<Port>): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in replacements ? replacements : target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

export const down: Unavailable = { type: 'unavailable', dependency: 'database', cause: new Error('down') }

/** A body that the test controls. It counts the reads, and sends chunks when the test calls `send`. */
export class Sender implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  /** The number of calls of `next`. */
  reads = 0
  /** Whether `return` was called. */
  stopped = false
  /** The results of the calls of `next`, in order. Either the call or the test creates one. */
  readonly #results: PromiseWithResolvers<IteratorResult<Uint8Array>>[] = []
  #sent = 0

  constructor(...chunks: Uint8Array[]) {
    for (const chunk of chunks) this.send(chunk)
  }

  send(value: Uint8Array): this {
    this.#result(this.#sent++).resolve({ done: false, value })
    return this
  }

  end(): this {
    this.#result(this.#sent++).resolve({ done: true, value: undefined })
    return this
  }

  fail(cause: unknown): this {
    const { promise, reject } = this.#result(this.#sent++)
    promise.catch(() => undefined)
    reject(cause)
    return this
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return this.#result(this.reads++).promise
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.stopped = true
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #result(n: number): PromiseWithResolvers<IteratorResult<Uint8Array>> {
    return (this.#results[n] ??= Promise.withResolvers())
  }
}

const same = <T>(port: T): T => port
