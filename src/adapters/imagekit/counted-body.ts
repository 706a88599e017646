/** Passes a body through, counts its bytes, and records how it ended. */
export class CountedBody implements AsyncIterable<Uint8Array> {
  /** The number of bytes so far. */
  size = 0
  /** Whether all bytes have been read. */
  isOver = false
  /** What the body threw. `fetch` throws an error of its own instead. */
  failure: { readonly cause: unknown } | undefined
  /** Called once all bytes have been read. */
  onEnd: () => void = () => {}
  readonly #body: AsyncIterable<Uint8Array>

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of this.#body) {
        this.size += chunk.length
        if (chunk.length > 0) yield chunk
      }
    } catch (cause) {
      this.failure = { cause }
      throw cause
    }
    this.isOver = true
    this.onEnd()
  }
}
