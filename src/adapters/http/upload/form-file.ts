/** Bytes that may wait for the upload before the request has to. */
const MAX_WAITING_BYTES = 256 * 1024

type Next = IteratorResult<Uint8Array, undefined>

/** The bytes of the form's file on their way from the parser to the upload, which reads them once. */
export class FormFile implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #request: { pause(): void; resume(): void }
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #state: 'open' | 'ended' | 'stopped' | Error = 'open'
  #reader: { resolve(next: Next): void; reject(cause: Error): void } | undefined

  /** @param request is paused while the upload is slower than the sender. */
  constructor(request: { pause(): void; resume(): void }) {
    this.#request = request
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    const reader = this.#takeReader()
    if (reader) return reader.resolve({ done: false, value: bytes })
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#request.pause()
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#takeReader()?.resolve(DONE)
  }

  /** The form was refused. What waits is dropped. */
  fail(cause: Error): void {
    if (this.#state === 'stopped') return
    this.#state = cause
    this.#waiting.length = 0
    this.#takeReader()?.reject(cause)
  }

  next(): Promise<Next> {
    const value = this.#waiting.shift()
    if (value) {
      const wasPaused = this.#waitingBytes > MAX_WAITING_BYTES
      this.#waitingBytes -= value.length
      if (wasPaused && this.#waitingBytes <= MAX_WAITING_BYTES) this.#request.resume()
      return Promise.resolve({ done: false, value })
    }
    if (this.#state instanceof Error) return Promise.reject(this.#state)
    if (this.#state !== 'open') return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  /** No more is wanted; the rest of the form is read without it. */
  return(): Promise<Next> {
    this.#state = 'stopped'
    this.#waiting.length = 0
    this.#takeReader()?.resolve(DONE)
    this.#request.resume()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** multer listens to the stream of a file for errors; this one has none, as a form that breaks off is refused first. */
  on(): this {
    return this
  }

  #takeReader() {
    const reader = this.#reader
    this.#reader = undefined
    return reader
  }
}

const DONE: Next = { done: true, value: undefined }
