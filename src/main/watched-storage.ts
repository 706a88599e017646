import type { ResultAsync } from 'neverthrow'
import type { FileStorage } from '../application/ports/file-storage.ts'

const PROBE_EVERY_MS = 30_000
const FAILURES = new Set(['unavailable', 'storage-error', 'insufficient-storage'])

/** A storage that remembers how its last use went, so that asking for its health costs it nothing. */
export class WatchedStorage implements FileStorage {
  readonly name: string
  readonly address?: NonNullable<FileStorage['address']>
  readonly #storage: FileStorage
  #up = true
  #at = Number.NEGATIVE_INFINITY

  constructor(storage: FileStorage) {
    this.name = storage.name
    this.#storage = storage
    if (storage.address) this.address = storage.address.bind(storage)
  }

  put: FileStorage['put'] = (key, body, hints) => this.#watch(this.#storage.put(key, body, hints))
  open: FileStorage['open'] = (key, range) => this.#watch(this.#storage.open(key, range))
  // That something could be deleted does not mean that a full disk takes more.
  delete: FileStorage['delete'] = (...file) => this.#storage.delete(...file).orTee(() => this.#note(false))
  list: FileStorage['list'] = (after) => this.#watch(this.#storage.list(after))

  /** By its last outcome; when that is older than 30 seconds, by asking it for its list. */
  async isUp(): Promise<boolean> {
    if (performance.now() - this.#at > PROBE_EVERY_MS) await this.list()
    return this.#up
  }

  #watch<T, E extends { readonly type: string }>(work: ResultAsync<T, E>): ResultAsync<T, E> {
    return work.andTee(() => this.#note(true)).orTee(({ type }) => FAILURES.has(type) && this.#note(false))
  }

  #note(up: boolean): void {
    this.#up = up
    this.#at = performance.now()
  }
}
