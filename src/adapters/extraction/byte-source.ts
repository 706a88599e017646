/** How many bytes of one file are read at most. No supported format needs more for its metadata. */
const MAX_READ_BYTES = 32 * 1024 * 1024
/** Files are read in blocks of this many bytes. */
export const BLOCK_BYTES = 64 * 1024

/** Reading the metadata needs more bytes of the file than the budget allows. The message is shown to users. */
export class ReadBudgetError extends Error {}

/** The bytes of one file. They are read in blocks, each block at most once, within a budget of 32 MiB. */
export class ByteSource {
  /** In bytes. */
  readonly size: number
  readonly #read: (start: number, end: number) => Promise<Uint8Array>
  readonly #blocks = new Map<number, Promise<Uint8Array>>()
  #remainingBytes = MAX_READ_BYTES

  /**
   * @param size The size of the file in bytes.
   * @param read Reads a range. Both positions are inclusive and start at 0.
   * @param first The first block, if it is already known.
   */
  constructor(size: number, read: (start: number, end: number) => Promise<Uint8Array>, first?: Uint8Array) {
    this.size = size
    this.#read = read
    if (!first) return
    this.#blocks.set(0, Promise.resolve(first))
    this.#remainingBytes -= BLOCK_BYTES
  }

  /** Returns the bytes from `start` up to, but not including, `end`. Returns fewer at the end of the file. */
  async bytes(start: number, end: number): Promise<Buffer> {
    const first = Math.floor(start / BLOCK_BYTES)
    const last = Math.floor((Math.min(end, this.size) - 1) / BLOCK_BYTES)
    const parts: Uint8Array[] = []
    for (let n = first; n <= last; n++) {
      const offset = n * BLOCK_BYTES
      // Cut the block before `concat`, which would copy all of it even if only a few bytes are needed.
      parts.push((await this.#block(n)).subarray(Math.max(0, start - offset), end - offset))
    }
    return Buffer.concat(parts)
  }

  /** Whether the budget is large enough to read all of these bytes. `end` is exclusive. */
  affords(start: number, end: number): boolean {
    return (Math.ceil((end - start) / BLOCK_BYTES) + 1) * BLOCK_BYTES <= this.#remainingBytes
  }

  #block(n: number): Promise<Uint8Array> {
    const cached = this.#blocks.get(n)
    if (cached) return cached
    this.#remainingBytes -= BLOCK_BYTES
    if (this.#remainingBytes < 0) throw new ReadBudgetError('Reading the metadata needs more than 32 MiB of the file.')
    const block = this.#read(n * BLOCK_BYTES, Math.min((n + 1) * BLOCK_BYTES, this.size) - 1)
    this.#blocks.set(n, block)
    return block
  }
}
