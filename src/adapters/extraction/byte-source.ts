/** How much of one file is read at most: more than any of these formats needs to say what it is. */
const BUDGET = 32 * 1024 * 1024
/** Files are read in blocks of this many bytes. */
export const BLOCK = 64 * 1024

/** The file wants to be read further than it is worth. */
export class BudgetSpent extends Error {}

/** The bytes of one file, read in blocks and each block once, as long as the budget lasts. */
export class ByteSource {
  /** Bytes. */
  readonly size: number
  readonly #read: (start: number, end: number) => Promise<Uint8Array>
  readonly #blocks = new Map<number, Promise<Uint8Array>>()
  #left = BUDGET

  /**
   * @param read both positions inclusive, from 0.
   * @param first the first block, where it was read already.
   */
  constructor(size: number, read: (start: number, end: number) => Promise<Uint8Array>, first?: Uint8Array) {
    this.size = size
    this.#read = read
    if (!first) return
    this.#blocks.set(0, Promise.resolve(first))
    this.#left -= BLOCK
  }

  /** The bytes from `start` up to, without, `end`; fewer at the end of the file. */
  async bytes(start: number, end: number): Promise<Buffer> {
    const first = Math.floor(start / BLOCK)
    const last = Math.floor((Math.min(end, this.size) - 1) / BLOCK)
    const parts: Uint8Array[] = []
    for (let n = first; n <= last; n++) {
      const at = n * BLOCK
      // Without the rest of the block, which would be copied for every few bytes that are asked for.
      parts.push((await this.#block(n)).subarray(Math.max(0, start - at), end - at))
    }
    return Buffer.concat(parts)
  }

  /** Whether the budget lasts for all of these bytes. */
  affords(start: number, end: number): boolean {
    return (Math.ceil((end - start) / BLOCK) + 1) * BLOCK <= this.#left
  }

  #block(n: number): Promise<Uint8Array> {
    const known = this.#blocks.get(n)
    if (known) return known
    this.#left -= BLOCK
    if (this.#left < 0) throw new BudgetSpent('more than 32 MiB of it would have to be read')
    const block = this.#read(n * BLOCK, Math.min((n + 1) * BLOCK, this.size) - 1)
    this.#blocks.set(n, block)
    return block
  }
}
