import { createHash } from 'node:crypto'
import { err, ok, type Result } from 'neverthrow'
import { parseSha256, type Sha256 } from '../../domain/values/digest.ts'
import { SNIFF_BYTES } from '../ports/sniff.ts'
import type { Unavailable } from '../ports/unavailable.ts'

export interface EmptyFile {
  readonly type: 'empty-file'
}

export interface TooLarge {
  readonly type: 'too-large'
  /** Bytes. */
  readonly limit: number
}

/** The body threw before it ended: the sender disconnected, or the source could not be read. */
export interface BodyFailed {
  readonly type: 'body-failed'
  readonly cause: unknown
}

/** The sender sent nothing for the time of a lease. */
export interface TooSlow {
  readonly type: 'too-slow'
}

/** The storage neither read bytes nor answered for `storageTimeoutSeconds`. */
export interface StorageTimeout {
  readonly type: 'storage-timeout'
}

export interface ShuttingDown {
  readonly type: 'shutting-down'
}

export type BodyFailure = TooLarge | BodyFailed | TooSlow | StorageTimeout | ShuttingDown | Unavailable

/**
 * The bytes of an upload. They are read once and not kept in memory. `readHead` returns the first bytes before anything is
 * stored. `bytes` counts and hashes the bytes and enforces the limit. The first failure ends the body, whatever its source.
 */
export class IncomingBody {
  /** Which side must act for the upload to go on. */
  waitsFor: 'sender' | 'storage' = 'sender'
  /** When bytes last moved, in milliseconds of `performance.now()`. */
  movedAt = performance.now()

  readonly #source: AsyncIterator<Uint8Array>
  readonly #limit: number
  readonly #hash = createHash('sha256')
  readonly #aborter = new AbortController()
  readonly #failed = Promise.withResolvers<BodyFailure>()
  readonly #head: Uint8Array[] = []
  #size = 0
  #ended = false
  #complete = false
  #failure: BodyFailure | undefined
  #wake: (() => void) | undefined

  constructor(source: AsyncIterable<Uint8Array>, limit: number) {
    this.#source = source[Symbol.asyncIterator]()
    this.#limit = limit
  }

  /** Reads the bytes that the type is recognised by, at least `SNIFF_BYTES` unless the body is shorter. */
  async readHead(): Promise<Result<Uint8Array, EmptyFile | BodyFailure>> {
    let length = 0
    while (length < SNIFF_BYTES && !this.#ended) {
      const chunk = await this.#read()
      this.#head.push(chunk)
      length += chunk.length
    }
    if (this.#failure) return err(this.#failure)
    if (length === 0) return err({ type: 'empty-file' })
    const [first] = this.#head
    // Most bodies have enough in their first chunk. It is not copied.
    return ok(first?.length === length ? first : Buffer.concat(this.#head))
  }

  /** All bytes. Can be called once. Throws if the body fails. */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const chunk of this.#head.splice(0)) yield this.#account(chunk)
    while (!this.#ended) {
      const chunk = await this.#read()
      if (chunk.length > 0) yield this.#account(chunk)
    }
    if (this.#failure) throw bodyError(this.#failure)
    this.#complete = true
  }

  /** Reads all bytes for their digest. */
  async drain(): Promise<Result<void, BodyFailure>> {
    while (!this.#failure) {
      const chunk = this.#head.shift() ?? (this.#ended ? undefined : await this.#read())
      if (!chunk) break
      this.#take(chunk)
    }
    return this.#failure ? err(this.#failure) : ok()
  }

  /** Ends the body: a pending read fails and `signal` is aborted. Does nothing if the body has failed before. */
  fail(failure: BodyFailure): void {
    if (this.#failure) return
    this.#failure = failure
    this.#failed.resolve(failure)
    this.#aborter.abort(failure)
    this.#wake?.()
  }

  /** Stops reading and calls `return` of the source. */
  stop(): void {
    this.#ended = true
    // Not awaited, because it may wait for a pending read that never ends.
    this.#source.return?.().catch(() => undefined)
  }

  /** Why the body failed, if it did. */
  get failure(): BodyFailure | undefined {
    return this.#failure
  }

  /** Resolves when the body has failed. */
  get failed(): Promise<BodyFailure> {
    return this.#failed.promise
  }

  /** Whether `bytes` has returned all bytes. */
  get isComplete(): boolean {
    return this.#complete
  }

  /** Aborted when the body has failed. */
  get signal(): AbortSignal {
    return this.#aborter.signal
  }

  /** The number of bytes read so far. */
  get size(): number {
    return this.#size
  }

  /** The SHA-256 of all bytes. Can be called once, after the end. */
  digest(): Sha256 {
    return parseSha256(this.#hash.digest('hex'))._unsafeUnwrap()
  }

  /** The next chunk. It is empty when the body has ended or failed. */
  #read(): Promise<Uint8Array> {
    this.waitsFor = 'sender'
    // Promise.race with one long-lived promise would keep every chunk in memory until the end of the upload.
    return new Promise((resolve) => {
      const settle = (chunk?: Uint8Array) => {
        this.waitsFor = 'storage'
        this.movedAt = performance.now()
        if (chunk === undefined || this.#failure) this.#ended = true
        resolve(this.#failure || !chunk ? NOTHING : chunk)
      }
      const onChunk = (chunk: unknown) =>
        chunk instanceof Uint8Array ? settle(chunk) : this.fail({ type: 'body-failed', cause: NO_BYTES })
      this.#wake = settle
      if (this.#failure) return settle()
      this.#source.next().then(
        (next) => (next.done ? settle() : onChunk(next.value)),
        (cause: unknown) => this.fail({ type: 'body-failed', cause }),
      )
    })
  }

  #take(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#size > this.#limit) this.fail({ type: 'too-large', limit: this.#limit })
    else this.#hash.update(chunk)
  }

  #account(chunk: Uint8Array): Uint8Array {
    this.#take(chunk)
    if (this.#failure) throw bodyError(this.#failure)
    return chunk
  }
}

const NOTHING = new Uint8Array()
const NO_BYTES = new TypeError('The body must consist of Uint8Arrays.')

const bodyError = (failure: BodyFailure): Error => new Error(`The upload failed: ${failure.type}.`, { cause: failure })
