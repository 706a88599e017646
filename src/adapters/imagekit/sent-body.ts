/** A body that remembers how it ended. */
export class SentBody implements AsyncIterable<Uint8Array> {
  /** Its last byte was taken. */
  isOver = false
  /** What it threw: whoever sends it hides that behind an error of their own. */
  failure: { readonly cause: unknown } | undefined
  onEnd: () => void = () => {}
  readonly #body: AsyncIterable<Uint8Array>

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of this.#body) {
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
