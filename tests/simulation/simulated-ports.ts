import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import type { FileStorage, PutError, StoredFile } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { MetadataStore } from '../../src/application/ports/metadata-store.ts'
import type { TitleCache } from '../../src/application/ports/title-cache.ts'
import { type Dependency, type Unavailable, unavailable } from '../../src/application/ports/unavailable.ts'
import { sha256 } from '../samples.ts'
import { isRead, type StorageKind } from './faults.ts'
import type { Process } from './process.ts'
import { repository } from './simulated-repository.ts'
import type { World } from './world.ts'

/** The ports of `process`. Each method passes through it, so that it can be made to fail. */
export function portsOf(process: Process, world: World): Ports {
  return {
    media: repository(process, world, performer(process, 'database')),
    storages: STORAGES[world.kind](process, world),
    metadata: documents(process, world),
    titles: cache(process, world),
    sniff: async () => 'image/png',
    extract: ({ size, read }) =>
      read({ start: 0, end: size - 1 }).map((bytes) => ({ status: 'ready', tags: { sha256: sha256(bytes) } })),
    identity: { newId: () => world.newId(), newAttempt: () => world.newAttempt() },
  }
}

const STORAGES: Record<StorageKind, (process: Process, world: World) => Ports['storages']> = {
  memory: (...args) => [remoteStorage(...args)],
  filesystem: (...args) => [localStorage(...args)],
  imagekit: (process, world) => [world.imagekit.storageOf(process)],
  moving: (process, world) => [remoteStorage(process, world), world.imagekit.storageOf(process)],
}

function documents(process: Process, world: World): MetadataStore {
  const perform = performer(process, 'metadata')
  const { metadata } = world
  return {
    save: (...args) => perform('metadata.save', () => metadata.save(...args)),
    find: (...args) => perform('metadata.find', () => metadata.find(...args)),
    remove: (...args) => perform('metadata.remove', () => metadata.remove(...args)),
    list: (after) => perform('metadata.list', () => metadata.list(after)),
  }
}

function cache(process: Process, world: World): TitleCache {
  const perform = performer(process, 'titles')
  return {
    put: (...args) => perform('titles.put', () => world.titles.put(...args)),
    find: (id) => perform('titles.find', () => world.titles.find(id)),
    remove: (...args) => perform('titles.remove', () => world.titles.remove(...args)),
    list: () => perform('titles.list', () => world.titles.list()),
  }
}

/** A file is visible only when all its bytes were received, as in object storages. */
function remoteStorage(process: Process, world: World): FileStorage {
  const perform = performer(process, 'storage')
  const storage = world.memoryStorage
  const receive = async (
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array[], PutError>> => {
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of body) {
        const isAccepted = await process.read(
          'storage.bytes',
          () => true,
          () => false,
        )
        if (!isAccepted) return err(unavailable('storage')(new Error('simulated')))
        signal.throwIfAborted()
        chunks.push(chunk)
      }
      signal.throwIfAborted()
      return ok(chunks)
    } catch (cause) {
      return err({ type: 'interrupted', cause })
    }
  }
  return {
    ...storageOf(storage, process),
    put: (key, body, { contentType, signal }) =>
      new ResultAsync(receive(body, signal)).andThen(
        (chunks): ResultAsync<StoredFile, PutError> =>
          perform('storage.put', () =>
            storage.put(key, each(chunks), { contentType, signal: new AbortController().signal }),
          ),
      ),
  }
}

function localStorage(process: Process, world: World): FileStorage {
  const perform = performer(process, 'storage')
  const broken = (): never => {
    throw Object.assign(new Error('simulated'), { code: 'EIO' })
  }
  const disk = world.disk.asDisk((method, run, torn) =>
    isRead(method) ? process.read(method, run, broken) : process.effect(method, run, broken, torn),
  )
  const storage = new FilesystemFileStorage('/files', { disk })
  return { ...storageOf(storage, process), put: (...args) => perform('storage.put', () => storage.put(...args)) }
}

function storageOf(storage: FileStorage, process: Process): Omit<FileStorage, 'put'> {
  const perform = performer(process, 'storage')
  return {
    name: storage.name,
    open: (...args) => perform('storage.open', () => storage.open(...args)),
    delete: (...args) => perform('storage.delete', () => storage.delete(...args)),
    list: (after) => perform('storage.list', () => storage.list(after)),
  }
}

function performer(process: Process, dependency: Dependency) {
  const failed = err<never, Unavailable>(unavailable(dependency)(new Error('simulated')))
  return <T, E>(method: string, run: () => ResultAsync<T, E>): ResultAsync<T, E | Unavailable> => {
    const done = async (): Promise<Result<T, E | Unavailable>> => run()
    const failure = (): Result<T, E | Unavailable> => failed
    return new ResultAsync(isRead(method) ? process.read(method, done, failure) : process.effect(method, done, failure))
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
