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
import { BodyError, writeBody } from './write-body.ts'

const READ_BUFFER_BYTES = 512 * 1024
const PAGE_SIZE = 1000
/** The suffix of a file that is not complete. */
const PART_SUFFIX = '.part'

/** The functions of `node:fs/promises` that the storage uses. */
export type Disk = Pick<typeof nodeDisk, 'mkdir' | 'open' | 'readdir' | 'rename' | 'stat' | 'unlink'>

export interface FilesystemOptions {
  readonly name?: string
  readonly disk?: Disk
}

/**
 * Stores files in a folder that only the user of this process can read. A file gets its name after its bytes are
 * flushed to the disk. `put` succeeds after the name is flushed too: write, fsync, rename, fsync of the folder.
 *
 * Each file is in a subfolder named after the last two characters of its key. They are equal for attempts of one second
 * (see `Identity`), so that concurrent `put` calls share one flush of their folder.
 *
 * @example
 * const mediaport = createMediaport({ ...ports, storages: [new FilesystemFileStorage('/var/lib/app/media')] })
 */
export class FilesystemFileStorage implements FileStorage {
  readonly name: string
  readonly #folder: string
  readonly #disk: Disk
  /** Folders that survive a power cut: their directory entry and those of their parents are flushed. */
  readonly #durable = new Set<string>()
  /** The flushes that are waiting or running, by folder. */
  readonly #syncs = new Map<string, BatchQueue<undefined, undefined>>()

  /**
   * @param folder Created by the first `put`, with its parents and mode 0700.
   * @param options.name The name of the storage in rows, by default `filesystem`. Two storages need different names.
   * @param options.disk A replacement for `node:fs/promises`, for tests that simulate a power cut.
   */
  constructor(folder: string, { name = 'filesystem', disk = nodeDisk }: FilesystemOptions = {}) {
    this.name = name
    this.#folder = folder
    this.#disk = disk
  }

  put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): ResultAsync<StoredFile, PutError> {
    return new ResultAsync(this.#put(key, body, hints))
  }

  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable> {
    return ResultAsync.fromPromise(this.#disk.open(this.#path(key)), (cause) =>
      hasCode(cause, 'ENOENT') ? ({ type: 'file-missing', key } as const) : unavailable('storage')(cause),
    ).map((handle) => iterableOf(handle.createReadStream({ ...range, highWaterMark: READ_BUFFER_BYTES })))
  }

  delete(key: StorageKey): ResultAsync<void, Unavailable> {
    const path = this.#path(key)
    // Remove the unfinished file first, so that the rename of a `put` in progress fails.
    const removal = this.#remove(path + PART_SUFFIX).then(() => this.#remove(path))
    return ResultAsync.fromPromise(
      removal.then(() => this.#syncFolder(dirname(path))),
      (cause) => cause,
    ).orElse((cause) => (hasCode(cause, 'ENOENT') ? ok() : err(unavailable('storage')(cause))))
  }

  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable> {
    return ResultAsync.fromPromise(this.#list(after), unavailable('storage'))
  }

  async #put(key: StorageKey, body: AsyncIterable<Uint8Array>, hints: PutHints): Promise<Result<StoredFile, PutError>> {
    const { signal } = hints
    const path = this.#path(key)
    const unfinished = path + PART_SUFFIX
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
      if (cause instanceof BodyError) return err({ type: 'interrupted', cause: cause.cause })
      if (signal.aborted) return err({ type: 'interrupted', cause: signal.reason })
      const full = hasCode(cause, 'ENOSPC', 'EDQUOT')
      return err(full ? { type: 'insufficient-storage', cause } : unavailable('storage')(cause))
    }

    try {
      await this.#disk.rename(unfinished, path)
      await this.#syncFolder(dirname(path))
      return ok({ fileId: key, size })
    } catch (cause) {
      // Another call has deleted the key.
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
      // The folder was removed after it had been created, perhaps with its parents.
      this.#durable.clear()
      await this.#makeFolder(folder)
      return this.#disk.open(path, 'wx', 0o600)
    }
  }

  async #list(after: StorageKey | undefined): Promise<ListedFile[]> {
    const page: ListedFile[] = []
    for (const subfolder of await this.#names(this.#folder)) {
      if (after !== undefined && subfolder < subfolderOf(after)) continue
      for (const name of await this.#names(join(this.#folder, subfolder))) {
        // A file that mediaport has not written: its name does not belong in this folder. A page must not end with it,
        // because the next page starts in the folder of the last key.
        if (subfolderOf(name as StorageKey) !== subfolder && page.length === PAGE_SIZE - 1) continue
        if (name.endsWith(PART_SUFFIX) || (after !== undefined && subfolder === subfolderOf(after) && name <= after))
          continue
        const stats = await this.#disk.stat(join(this.#folder, subfolder, name)).catch(ifMissing(undefined))
        if (stats) page.push({ key: name as StorageKey, size: stats.size, modifiedAt: stats.mtime })
        if (page.length === PAGE_SIZE) return page
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
    // A folder survives a power cut only if the entries of all its parents are flushed. The process that created them
    // may have died before it flushed them.
    const flushed: string[] = []
    for (let entry = folder; entry !== dirname(entry) && !this.#durable.has(entry); entry = dirname(entry)) {
      const isFlushed = await this.#syncFolder(dirname(entry)).then(() => true, ifDenied(false))
      if (!isFlushed) break
      flushed.push(entry)
    }
    for (const entry of flushed) this.#durable.add(entry)
  }

  /** Flushes a folder. Concurrent calls share one flush: each has changed the folder before that flush starts. */
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
    return join(this.#folder, subfolderOf(key), key)
  }
}

/** Makes an iterable of the stream. Its `return` closes the file even if no byte was read. */
const iterableOf = (stream: ReadStream): AsyncIterable<Uint8Array> => ({
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

/** The subfolder of a key. */
const subfolderOf = (key: StorageKey): string => key.slice(-2)

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code))

/** A folder that this process has no permission to open was not created by it. */
const ifDenied =
  <T>(fallback: T) =>
  (error: unknown): T => {
    if (hasCode(error, 'EACCES', 'EPERM')) return fallback
    throw error
  }

const ifMissing =
  <T>(fallback: T) =>
  (error: unknown): T => {
    if (hasCode(error, 'ENOENT')) return fallback
    throw error
  }
