import { availableParallelism } from 'node:os'
import { ok, type Result, ResultAsync } from 'neverthrow'
import type { ExtractMetadata, FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { formatOf, NO_METADATA } from './formats.ts'
import { Reader } from './reader.ts'

/** How long a child may work on one file. */
const TIMEOUT_MS = 10_000
/** One core remains for this process, which sends the bytes. Each child may use 512 MiB for a file. */
const MAX_READERS = Math.min(4, Math.max(1, availableParallelism() - 1))

/**
 * Reads the metadata of files in child processes, one file at a time in each. A file that takes too much time or
 * memory, or crashes its child, does not affect other files. A child starts when a file arrives and all others are
 * busy. Files wait while the maximum number of children is busy.
 *
 * @example
 * const extraction = new SandboxedExtraction()
 * const mediaport = createMediaport({ ...ports, extract: extraction.extract })
 * // When the application stops:
 * await extraction.close()
 */
export class SandboxedExtraction {
  readonly #readers: readonly Reader[]
  /** A stack: the reader that was used last is used next, so that no more children start than are needed. */
  readonly #free: Reader[]
  readonly #waiting: ((reader: Reader) => void)[] = []

  /**
   * @param timeoutMs How long a child may work on one file, without the time to read its bytes. 10 s by default.
   * @param maxReaders The maximum number of children. By default one less than the cores, at least 1 and at most 4.
   */
  constructor(timeoutMs = TIMEOUT_MS, maxReaders = MAX_READERS) {
    this.#readers = Array.from({ length: maxReaders }, () => new Reader(timeoutMs))
    this.#free = [...this.#readers]
  }

  /** The port for `createMediaport`. Rejects if no child can be started. */
  readonly extract: ExtractMetadata = <E>(file: FileToRead<E>) =>
    formatOf(file.contentType) === undefined
      ? new ResultAsync<Metadata, E>(Promise.resolve(ok(NO_METADATA)))
      : new ResultAsync(this.#read(file))

  /** Kills the children. A file that is being read gets the status `failed`. */
  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()))
  }

  async #read<E>(file: FileToRead<E>): Promise<Result<Metadata, E>> {
    const reader = this.#free.pop() ?? (await new Promise<Reader>((resolve) => this.#waiting.push(resolve)))
    try {
      return await reader.describe(file)
    } finally {
      const next = this.#waiting.shift()
      if (next) next(reader)
      else this.#free.push(reader)
    }
  }
}
