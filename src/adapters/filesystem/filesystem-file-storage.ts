import type { ReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import * as nodeDisk from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { BatchQueue } from '../../application/batch-queue.ts'
import type {
  ByteRange,
  FileMissing,
  FileStorage,
  ListedFile,
  PutError,
  PutHints,
  StoredFile,
} from '../../application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { StorageKey } from '../../domain/media/ids.ts'
import { BodyFailed, writeBody } from './write-body.ts'

const READ_BUFFER = 256 * 1024
const PAGE = 1000
const UNFINISHED = '.part'

/** What is asked of the file system. */
export type Disk = Pick<typeof nodeDisk, 'mkdir' | 'open' | 'readdir' | 'rename' | 'stat' | 'unlink'>

/**
 * Keeps files in a folder that nobody else may read. A file gets its name only once its bytes are on the disk, and a put
 * succeeds only once the name is too: write, fsync, rename, fsync of the folder.
 *
 * Files lie in subfolders named after the last two characters of their key. Keys of the same second end alike (`Identity`),
 * so that their puts share one flush of their folder.
 */
export class FilesystemFileStorage implements FileStorage {
  readonly name = 'filesystem'
  readonly #folder: string
  readonly #disk: Disk
  /** Folders that have been synced, with all the entries that lead to them. */
  readonly #durable = new Set<string>()
  /** By folder. */
  readonly #syncs = new Map<string, BatchQueue<undefined, undefined>>()

  /**
   * @param folder is made, with its parents, when the first file comes.
   * @param disk another one, for tests that take the power away.
   */
  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#folder = folder
    this.#disk = disk
  }

  put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): ResultAsync<StoredFile, PutError> {
    return new ResultAsync(this.#put(key, body, hints))
  }

  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable> {
    return ResultAsync.fromPromise(this.#disk.open(this.#path(key)), (cause) =>
      hasCode(cause, 'ENOENT') ? ({ type: 'file-missing', key } as const) : unavailable('storage')(cause),
    ).map((handle) => releasable(handle.createReadStream({ ...range, highWaterMark: READ_BUFFER })))
  }

  delete(key: StorageKey): ResultAsync<void, Unavailable> {
    const path = this.#path(key)
    // The unfinished file first: without it, a put that is still under way can't reach its rename any more.
    const removed = this.#remove(path + UNFINISHED).then(() => this.#remove(path))
    return ResultAsync.fromPromise(
      removed.then(() => this.#syncFolder(dirname(path))),
      (cause) => cause,
    ).orElse((cause) => (hasCode(cause, 'ENOENT') ? ok() : err(unavailable('storage')(cause))))
  }

  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable> {
    return ResultAsync.fromPromise(this.#list(after), unavailable('storage'))
  }

  async #put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): Promise<Result<StoredFile, PutError>> {
    const { signal } = hints
    const path = this.#path(key)
    const unfinished = path + UNFINISHED
    let size: number
    try {
      signal.throwIfAborted()
      const file = await this.#create(unfinished)
      try {
        size = await writeBody(file, body, hints)
        await file.sync()
      } finally {
        await file.close()
      }
      signal.throwIfAborted()
    } catch (cause) {
      const removal = await ResultAsync.fromPromise(this.#remove(unfinished), unavailable('storage'))
      if (removal.isErr()) return err(removal.error)
      if (cause instanceof BodyFailed) return err({ type: 'interrupted', cause: cause.cause })
      if (signal.aborted) return err({ type: 'interrupted', cause: signal.reason })
      const full = hasCode(cause, 'ENOSPC', 'EDQUOT')
      return err(full ? { type: 'insufficient-storage', cause } : unavailable('storage')(cause))
    }

    try {
      await this.#disk.rename(unfinished, path)
      await this.#syncFolder(dirname(path))
      return ok({ fileId: key, size })
    } catch (cause) {
      // The key was deleted in between.
      if (hasCode(cause, 'ENOENT')) return err({ type: 'interrupted', cause })
      return err(unavailable('storage')(cause))
    }
  }

  async #create(path: string): Promise<FileHandle> {
    const folder = dirname(path)
    if (!this.#durable.has(folder)) await this.#makeFolder(folder)
    try {
      return await this.#disk.open(path, 'wx', 0o600)
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      // The folder was removed since it was made, perhaps with those above it.
      this.#durable.clear()
      await this.#makeFolder(folder)
      return this.#disk.open(path, 'wx', 0o600)
    }
  }

  async #list(after: StorageKey | undefined): Promise<ListedFile[]> {
    const page: ListedFile[] = []
    for (const part of await this.#names(this.#folder)) {
      if (after !== undefined && part < shard(after)) continue
      for (const name of await this.#names(join(this.#folder, part))) {
        // Somebody's own file: it is shown, but a page that ended with it would have no place to go on from.
        if (shard(name as StorageKey) !== part && page.length === PAGE - 1) continue
        if (name.endsWith(UNFINISHED) || (after !== undefined && part === shard(after) && name <= after)) continue
        const found = await this.#disk.stat(join(this.#folder, part, name)).catch(ifMissing(undefined))
        if (found) page.push({ key: name as StorageKey, size: found.size, modifiedAt: found.mtime })
        if (page.length === PAGE) return page
      }
    }
    return page
  }

  async #names(folder: string): Promise<string[]> {
    return (await this.#disk.readdir(folder).catch(ifMissing([]))).toSorted()
  }

  #remove(path: string): Promise<void> {
    return this.#disk.unlink(path).catch(ifMissing(undefined))
  }

  async #makeFolder(folder: string): Promise<void> {
    await this.#disk.mkdir(folder, { recursive: true, mode: 0o700 })
    // A folder is only as durable as the entries that lead to it, and the process that made it may have died before.
    const synced: string[] = []
    for (let entry = folder; entry !== dirname(entry) && !this.#durable.has(entry); entry = dirname(entry)) {
      const isSynced = await this.#syncFolder(dirname(entry)).then(() => true, ifDenied(false))
      if (!isSynced) break
      synced.push(entry)
    }
    for (const entry of synced) this.#durable.add(entry)
  }

  /** One flush serves all that wait for it: each has changed the folder before the flush begins. */
  async #syncFolder(folder: string): Promise<void> {
    let syncs = this.#syncs.get(folder)
    if (!syncs) {
      syncs = new BatchQueue((waiting) => this.#sync(folder).then(() => waiting), {
        maxItems: Number.POSITIVE_INFINITY,
      })
      this.#syncs.set(folder, syncs)
    }
    await syncs.add(undefined)
  }

  async #sync(folder: string): Promise<void> {
    const handle = await this.#disk.open(folder)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  #path(key: StorageKey): string {
    return join(this.#folder, shard(key), key)
  }
}

/** The stream as an iterable that closes its file whenever it is told to stop, also before the first byte was read. */
const releasable = (stream: ReadStream): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    const bytes = stream[Symbol.asyncIterator]()
    return {
      next: () => bytes.next(),
      return: async () => {
        stream.destroy()
        return { done: true, value: undefined }
      },
    }
  },
})

const shard = (key: StorageKey): string => key.slice(-2)

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))

/** A folder that we may not open is none that we have made. */
const ifDenied =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (hasCode(error, 'EACCES', 'EPERM')) return instead
    throw error
  }

const ifMissing =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (hasCode(error, 'ENOENT')) return instead
    throw error
  }
