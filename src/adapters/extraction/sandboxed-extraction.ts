import { availableParallelism } from 'node:os'
import { ok, type Result, ResultAsync } from 'neverthrow'
import type { ExtractMetadata, FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { formatOf, NOTHING } from './formats.ts'
import { Reader } from './reader.ts'

/** How long a file may keep its reader busy. */
const PATIENCE_MS = 10_000
/** One core is left to the process that feeds them; each may take 512 MiB for a file. */
const READERS = Math.min(4, Math.max(1, availableParallelism() - 1))

/**
 * Reads files in child processes, one file at a time in each. A file that takes too much time or memory, or makes its child
 * crash, harms no other. The others wait for their turn; a child starts when no other is free.
 */
export class SandboxedExtraction {
  readonly #readers: readonly Reader[]
  /** The one that was used last comes first, so that no more children start than are needed. */
  readonly #free: Reader[]
  readonly #waiting: ((reader: Reader) => void)[] = []

  /** @param patience in milliseconds; 10 s unless told. @param readers how many children there may be. */
  constructor(patience = PATIENCE_MS, readers = READERS) {
    this.#readers = Array.from({ length: readers }, () => new Reader(patience))
    this.#free = [...this.#readers]
  }

  readonly extract: ExtractMetadata = <E>(file: FileToRead<E>) =>
    formatOf(file.contentType) === undefined
      ? new ResultAsync<Metadata, E>(Promise.resolve(ok(NOTHING)))
      : new ResultAsync(this.#describe(file))

  /** Ends the children, and with them the files that they are reading. */
  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()))
  }

  async #describe<E>(file: FileToRead<E>): Promise<Result<Metadata, E>> {
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
