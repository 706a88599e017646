import type { ByteRange } from '../../application/ports/file-storage.ts'

/** How long the delivery server may send nothing. */
const IDLE_TIMEOUT_MS = 15_000

/**
 * Opens the file at `url`, or a range of it. Returns `undefined` if there is no file. Throws if the server refuses the
 * request or does not answer. If the server ignores the range, the bytes outside of it are skipped.
 *
 * @param request A replacement for `fetch`, for tests.
 */
export async function download(
  url: string,
  range?: ByteRange,
  request: typeof fetch = fetch,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const watchdog = new Watchdog()
  watchdog.restart()
  const headers = range ? { Range: `bytes=${range.start}-${range.end}` } : {}
  const response = await request(url, { headers, signal: watchdog.signal, redirect: 'error' })
  if (response.ok && response.body) {
    const isPartial = response.status === 206
    return new HttpBody(response.body, watchdog, isPartial || !range ? undefined : range)
  }
  watchdog.stop()
  await response.body?.cancel()
  if (response.status === 404) return undefined
  throw new Error(`The delivery server answered ${response.status}.`)
}

/** Aborts a request if the server sends nothing for `IDLE_TIMEOUT_MS`. */
class Watchdog {
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  restart(): void {
    this.stop()
    this.#timer = setTimeout(
      () => this.#controller.abort(new Error('The delivery server sent nothing for 15 s.')),
      IDLE_TIMEOUT_MS,
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** The body of a response. `return` closes the connection even if no byte was read. */
class HttpBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #watchdog: Watchdog
  /** The part of the body to return. By default all of it. */
  readonly #range: ByteRange | undefined
  #position = 0

  constructor(body: ReadableStream<Uint8Array>, watchdog: Watchdog, range: ByteRange | undefined) {
    this.#reader = body.getReader()
    this.#watchdog = watchdog
    this.#range = range
    watchdog.stop()
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      if (this.#range && this.#position > this.#range.end) return this.return()
      this.#watchdog.restart()
      const { done, value } = await this.#reader.read()
      // The timeout must not include the time in which the caller reads nothing.
      this.#watchdog.stop()
      if (done) return { done: true, value: undefined }
      const chunk = this.#cut(value)
      if (chunk.length > 0) return { done: false, value: chunk }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#watchdog.stop()
    // `cancel` rejects if the connection failed. `next` has thrown that error, and the connection is closed.
    await this.#reader.cancel().catch(() => undefined)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Returns the bytes of `chunk` that are in the range. */
  #cut(chunk: Uint8Array): Uint8Array {
    const offset = this.#position
    this.#position += chunk.length
    if (!this.#range) return chunk
    return chunk.subarray(Math.max(0, this.#range.start - offset), Math.max(0, this.#range.end + 1 - offset))
  }
}
