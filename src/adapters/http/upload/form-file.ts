/** The request is paused while the queue is larger. */
const MAX_QUEUED_BYTES = 256 * 1024

type Next = IteratorResult<Uint8Array, undefined>

/** Passes the bytes of the form's file from the parser to the upload, which reads them once. Applies back-pressure. */
export class FormFile implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #request: { pause(): void; resume(): void }
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #state: 'open' | 'ended' | 'stopped' | Error = 'open'
  #reader: { resolve(next: Next): void; reject(cause: Error): void } | undefined

  /** @param request Paused while the upload is slower than the sender. */
  constructor(request: { pause(): void; resume(): void }) {
    this.#request = request
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    const reader = this.#takeReader()
    if (reader) return reader.resolve({ done: false, value: bytes })
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#request.pause()
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ended'
    this.#takeReader()?.resolve(DONE)
  }

  /** Drops the queue and lets the upload fail with `cause`. Called when the form is refused. */
  fail(cause: Error): void {
    if (this.#state === 'stopped') return
    this.#state = cause
    this.#queue.length = 0
    this.#takeReader()?.reject(cause)
  }

  next(): Promise<Next> {
    const value = this.#queue.shift()
    if (value) {
      const wasPaused = this.#queuedBytes > MAX_QUEUED_BYTES
      this.#queuedBytes -= value.length
      if (wasPaused && this.#queuedBytes <= MAX_QUEUED_BYTES) this.#request.resume()
      return Promise.resolve({ done: false, value })
    }
    if (this.#state instanceof Error) return Promise.reject(this.#state)
    if (this.#state !== 'open') return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  /**
   * Called by the upload if it ends early. The rest of the form is still read, and the bytes of the file are dropped.
   */
  return(): Promise<Next> {
    this.#state = 'stopped'
    this.#queue.length = 0
    this.#takeReader()?.resolve(DONE)
    this.#request.resume()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * multer listens to the file stream for errors. This stream emits none, because an incomplete form is refused first.
   */
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
