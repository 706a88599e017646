import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import type {
  ByteRange,
  FileMissing,
  FileStorage,
  ListedFile,
  PutError,
  PutHints,
  StoredFile,
} from '../../application/ports/file-storage.ts'
import type { StorageKey } from '../../domain/media/ids.ts'

const PAGE_SIZE = 1000

/**
 * Stores files in the memory of this process, so all of them must fit there. They are lost when the process ends.
 *
 * @example
 * const mediaport = createMediaport({ ...memoryPorts(), storages: [new MemoryFileStorage()] })
 */
export class MemoryFileStorage implements FileStorage {
  readonly name = 'memory'
  readonly #files = new Map<StorageKey, { bytes: Uint8Array; modifiedAt: Date }>()

  put(key: StorageKey, body: AsyncIterable<Uint8Array>, { signal }: PutHints): ResultAsync<StoredFile, PutError> {
    return ResultAsync.fromPromise(collect(body, signal), (cause): PutError => ({ type: 'interrupted', cause })).map(
      (bytes) => {
        this.#files.set(key, { bytes, modifiedAt: new Date() })
        return { fileId: key, size: bytes.length }
      },
    )
  }

  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing> {
    const file = this.#files.get(key)
    if (!file) return errAsync({ type: 'file-missing', key })
    return okAsync(streamOf(range ? file.bytes.subarray(range.start, range.end + 1) : file.bytes))
  }

  delete(key: StorageKey): ResultAsync<void, never> {
    this.#files.delete(key)
    return okAsync(undefined)
  }

  list(after?: StorageKey): ResultAsync<readonly ListedFile[], never> {
    const files = [...this.#files].map(([key, { bytes, modifiedAt }]) => ({ key, size: bytes.length, modifiedAt }))
    const rest = files.filter(({ key }) => after === undefined || key > after)
    return okAsync(rest.toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, PAGE_SIZE))
  }
}

async function collect(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Uint8Array> {
  const chunks = []
  for await (const chunk of body) {
    signal.throwIfAborted()
    chunks.push(chunk)
  }
  signal.throwIfAborted()
  return Buffer.concat(chunks)
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
