import type { ByteRange } from '../../application/ports/file-storage.ts'

/** How long delivery may be silent, in ms. */
const SILENCE = 15_000

/**
 * The bytes at an address, or `range` of them; nothing where there is no file. A server that knows no ranges answers with
 * all of it, and what was not asked for is passed over.
 */
export async function download(
  url: string,
  range?: ByteRange,
  request: typeof fetch = fetch,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const silence = new Watchdog()
  silence.restart()
  const headers = range ? { Range: `bytes=${range.start}-${range.end}` } : {}
  const response = await request(url, { headers, signal: silence.signal, redirect: 'error' })
  if (response.ok && response.body) {
    const isPart = response.status === 206
    return new HttpBody(response.body, silence, isPart || !range ? undefined : range)
  }
  silence.stop()
  await response.body?.cancel()
  if (response.status === 404) return undefined
  throw new Error(`delivery answered ${response.status}`)
}

/** Ends a request that nothing has come of for too long. */
class Watchdog {
  readonly #ending = new AbortController()
  #timer: NodeJS.Timeout | undefined

  get signal(): AbortSignal {
    return this.#ending.signal
  }

  restart(): void {
    this.stop()
    this.#timer = setTimeout(() => this.#ending.abort(new Error('delivery fell silent')), SILENCE)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** Lets go of the connection also when it is told to return before it was ever asked for a byte. */
class HttpBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #silence: Watchdog
  /** What of the bytes to come is wanted. */
  readonly #range: ByteRange | undefined
  #position = 0

  constructor(body: ReadableStream<Uint8Array>, silence: Watchdog, range: ByteRange | undefined) {
    this.#reader = body.getReader()
    this.#silence = silence
    this.#range = range
    silence.stop()
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      if (this.#range && this.#position > this.#range.end) return this.return()
      this.#silence.restart()
      const { done, value } = await this.#reader.read()
      // Only the sender's silence counts, not the reader's.
      this.#silence.stop()
      if (done) return { done: true, value: undefined }
      const wanted = this.#wanted(value)
      if (wanted.length > 0) return { done: false, value: wanted }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#silence.stop()
    // What broke was told by `next`; there is nothing left to let go of.
    await this.#reader.cancel().catch(() => undefined)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #wanted(chunk: Uint8Array): Uint8Array {
    const from = this.#position
    this.#position += chunk.length
    if (!this.#range) return chunk
    return chunk.subarray(Math.max(0, this.#range.start - from), Math.max(0, this.#range.end + 1 - from))
  }
}
