import type { ReadStream } from 'node:fs'
import * as nodeDisk from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
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
import type { StorageKey } from '../../domain/media.ts'

/** Bytes that may wait in memory for the disk, per upload: larger writes are worth more than more of them. */
const WRITE_BUFFER = 1024 * 1024
const READ_BUFFER = 256 * 1024
const PAGE = 1000
const UNFINISHED = '.part'

/** What is asked of the file system. */
export type Disk = Pick<typeof nodeDisk, 'mkdir' | 'open' | 'readdir' | 'rename' | 'stat' | 'unlink'>

/**
 * Keeps files in a folder that nobody else may read. A file gets its name only once its bytes are on the disk, and a put
 * succeeds only once the name is too: write, fsync, rename, fsync of the folder.
 *
 * Files lie in subfolders named after the last two characters of their key, which are random, so none grows too long.
 */
export class FilesystemFileStorage implements FileStorage {
  readonly name = 'filesystem'
  readonly #folder: string
  readonly #disk: Disk
  /** Folders whose entry this process has seen to the disk. */
  readonly #durable = new Set<string>()

  /**
   * @param folder is made, with its parents, when the first file comes.
   * @param disk another one, for tests that take the power away.
   */
  constructor(folder: string, disk: Disk = nodeDisk) {
    this.#folder = folder
    this.#disk = disk
  }

  put(key: StorageKey, body: AsyncIterable<Uint8Array>, { signal }: PutHints): ResultAsync<StoredFile, PutError> {
    return new ResultAsync(this.#put(key, body, signal))
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

  async #put(
    key: StorageKey,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Result<StoredFile, PutError>> {
    const path = this.#path(key)
    const unfinished = path + UNFINISHED
    let size = 0
    let bodyFailure: { cause: unknown } | undefined
    async function* counted() {
      try {
        for await (const chunk of body) {
          size += chunk.length
          yield chunk
        }
      } catch (cause) {
        bodyFailure = { cause }
        throw cause
      }
    }

    try {
      await this.#makeFolder(dirname(path))
      // Opened by itself: a stream that opens its file may still make it after it was given up and cleaned up.
      const file = await this.#disk.open(unfinished, 'wx', 0o600)
      await pipeline(counted, file.createWriteStream({ flush: true, highWaterMark: WRITE_BUFFER }), { signal })
      signal.throwIfAborted()
    } catch (cause) {
      const removal = await ResultAsync.fromPromise(this.#remove(unfinished), unavailable('storage'))
      if (removal.isErr()) return err(removal.error)
      if (bodyFailure) return err({ type: 'interrupted', cause: bodyFailure.cause })
      if (signal.aborted) return err({ type: 'interrupted', cause: signal.reason })
      const full = hasCode(cause, 'ENOSPC', 'EDQUOT')
      return err(full ? { type: 'insufficient-storage', cause } : unavailable('storage')(cause))
    }

    try {
      await this.#disk.rename(unfinished, path)
      await this.#syncFolder(dirname(path))
      return ok({ fileId: key, size })
    } catch (cause) {
      // Somebody deleted the key meanwhile.
      if (hasCode(cause, 'ENOENT')) return err({ type: 'interrupted', cause })
      return err(unavailable('storage')(cause))
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
    // A folder is only as durable as the entries that lead to it, and who made it may have died before they were.
    for (let entry = folder; entry !== dirname(entry) && !this.#durable.has(entry); entry = dirname(entry)) {
      const synced = await this.#syncFolder(dirname(entry)).then(() => true, ifDenied(false))
      if (!synced) return
      this.#durable.add(entry)
    }
  }

  async #syncFolder(folder: string): Promise<void> {
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
