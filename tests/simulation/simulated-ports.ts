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

/** What `process` sees of the world: every method passes through it, where it can be made to fail. */
export function portsOf(process: Process, world: World): Ports {
  return {
    media: repository(process, world, asker(process, 'database')),
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
  memory: (...given) => [remoteStorage(...given)],
  filesystem: (...given) => [localStorage(...given)],
  imagekit: (process, world) => [world.imagekit.storageOf(process)],
  moving: (process, world) => [remoteStorage(process, world), world.imagekit.storageOf(process)],
}

function documents(process: Process, world: World): MetadataStore {
  const ask = asker(process, 'metadata')
  const { metadata } = world
  return {
    save: (...given) => ask('metadata.save', () => metadata.save(...given)),
    find: (...given) => ask('metadata.find', () => metadata.find(...given)),
    remove: (...given) => ask('metadata.remove', () => metadata.remove(...given)),
    list: (after) => ask('metadata.list', () => metadata.list(after)),
  }
}

function cache(process: Process, world: World): TitleCache {
  const ask = asker(process, 'titles')
  return {
    put: (...given) => ask('titles.put', () => world.titles.put(...given)),
    find: (id) => ask('titles.find', () => world.titles.find(id)),
    remove: (...given) => ask('titles.remove', () => world.titles.remove(...given)),
    list: () => ask('titles.list', () => world.titles.list()),
  }
}

/** Takes all bytes before it shows any, as object storages do. */
function remoteStorage(process: Process, world: World): FileStorage {
  const ask = asker(process, 'storage')
  const storage = world.memoryStorage
  const receive = async (
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Result<Uint8Array[], PutError>> => {
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of body) {
        const isTaken = await process.read(
          'storage.bytes',
          () => true,
          () => false,
        )
        if (!isTaken) return err(unavailable('storage')(new Error('simulated')))
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
          ask('storage.put', () =>
            storage.put(key, each(chunks), { contentType, signal: new AbortController().signal }),
          ),
      ),
  }
}

function localStorage(process: Process, world: World): FileStorage {
  const ask = asker(process, 'storage')
  const broken = (): never => {
    throw Object.assign(new Error('simulated'), { code: 'EIO' })
  }
  const disk = world.disk.usedThrough((method, run, torn) =>
    isRead(method) ? process.read(method, run, broken) : process.effect(method, run, broken, torn),
  )
  const storage = new FilesystemFileStorage('/files', disk)
  return { ...storageOf(storage, process), put: (...given) => ask('storage.put', () => storage.put(...given)) }
}

function storageOf(storage: FileStorage, process: Process): Omit<FileStorage, 'put'> {
  const ask = asker(process, 'storage')
  return {
    name: storage.name,
    open: (...given) => ask('storage.open', () => storage.open(...given)),
    delete: (...given) => ask('storage.delete', () => storage.delete(...given)),
    list: (after) => ask('storage.list', () => storage.list(after)),
  }
}

function asker(process: Process, dependency: Dependency) {
  const failed = err<never, Unavailable>(unavailable(dependency)(new Error('simulated')))
  return <T, E>(method: string, run: () => ResultAsync<T, E>): ResultAsync<T, E | Unavailable> => {
    const done = async (): Promise<Result<T, E | Unavailable>> => run()
    const told = (): Result<T, E | Unavailable> => failed
    return new ResultAsync(isRead(method) ? process.read(method, done, told) : process.effect(method, done, told))
  }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
