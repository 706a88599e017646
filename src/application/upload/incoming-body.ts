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

/** The body threw before all its bytes had come: its sender left, or it could not be read. */
export interface BodyFailed {
  readonly type: 'body-failed'
  readonly cause: unknown
}

/** The sender sent nothing for as long as the lease lasts. */
export interface TooSlow {
  readonly type: 'too-slow'
}

/** The storage neither took bytes nor answered in its time. */
export interface StorageTimeout {
  readonly type: 'storage-timeout'
}

export interface ShuttingDown {
  readonly type: 'shutting-down'
}

export type BodyFailure = TooLarge | BodyFailed | TooSlow | StorageTimeout | ShuttingDown | Unavailable

/**
 * A file on its way in, read once and never kept. Its head can be looked at before anybody takes the bytes; while they
 * pass they are counted, held to the limit and hashed. The first failure, wherever it comes from, ends it.
 */
export class IncomingBody {
  /** On whom progress depends just now. */
  waitingFor: 'sender' | 'storage' = 'sender'
  /** When bytes last moved, in milliseconds of the monotonic clock. */
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

  /** Reads just enough to recognise the type by. */
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
    // Small files and most others come so: nothing is copied.
    return ok(first?.length === length ? first : Buffer.concat(this.#head))
  }

  /** All bytes, once. Throws when the body fails, because that is how an iterable tells its consumer. */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const chunk of this.#head.splice(0)) yield this.#account(chunk)
    while (!this.#ended) {
      const chunk = await this.#read()
      if (chunk.length > 0) yield this.#account(chunk)
    }
    if (this.#failure) throw bodyError(this.#failure)
    this.#complete = true
  }

  /** Reads all bytes, for their digest alone. */
  async drain(): Promise<Result<void, BodyFailure>> {
    while (!this.#failure) {
      const chunk = this.#head.shift() ?? (this.#ended ? undefined : await this.#read())
      if (!chunk) break
      this.#take(chunk)
    }
    return this.#failure ? err(this.#failure) : ok()
  }

  /** Ends the body with `failure`, unless it failed before: a read under way throws it, and `signal` is aborted. */
  fail(failure: BodyFailure): void {
    if (this.#failure) return
    this.#failure = failure
    this.#failed.resolve(failure)
    this.#aborter.abort(failure)
    this.#wake?.()
  }

  /** Tells the sender that no more will be read. */
  stop(): void {
    this.#ended = true
    // Not awaited: an iterator answers `return` only after the read that is under way, and that may never end.
    this.#source.return?.().catch(() => undefined)
  }

  /** Why it failed, if it did. */
  get failure(): BodyFailure | undefined {
    return this.#failure
  }

  /** Settles when it has failed. */
  get failed(): Promise<BodyFailure> {
    return this.#failed.promise
  }

  /** Whether `bytes` has handed on everything. */
  get isComplete(): boolean {
    return this.#complete
  }

  /** Aborted as soon as the body has failed. */
  get signal(): AbortSignal {
    return this.#aborter.signal
  }

  /** Bytes handed on so far; all of them once `bytes` has ended. */
  get size(): number {
    return this.#size
  }

  /** Of all bytes; to be asked once. */
  digest(): Sha256 {
    return parseSha256(this.#hash.digest('hex'))._unsafeUnwrap()
  }

  /** The next chunk; an empty one when the body ended or failed. */
  #read(): Promise<Uint8Array> {
    this.waitingFor = 'sender'
    // Not Promise.race with one long-lived promise: that would keep every chunk alive until the upload's end.
    return new Promise((resolve) => {
      const settle = (chunk?: Uint8Array) => {
        this.waitingFor = 'storage'
        this.movedAt = performance.now()
        if (chunk === undefined || this.#failure) this.#ended = true
        resolve(this.#failure || !chunk ? NOTHING : chunk)
      }
      this.#wake = settle
      if (this.#failure) return settle()
      this.#source.next().then(
        (next) => settle(next.done ? undefined : next.value),
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

const bodyError = (failure: BodyFailure): Error => new Error(`the upload failed: ${failure.type}`, { cause: failure })
