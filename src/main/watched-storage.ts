import type { FileStorage } from '../application/ports/file-storage.ts'

const PROBE_EVERY_MS = 30_000
const FAILURES = new Set(['unavailable', 'storage-error', 'insufficient-storage'])

/** A storage that remembers how its last uses went, so that asking for its health costs it nothing. */
export class WatchedStorage implements FileStorage {
  readonly name: string
  readonly address?: NonNullable<FileStorage['address']>
  readonly #storage: FileStorage
  /** What went wrong when it was last tried. That a full disk can be read does not mean that it takes more. */
  readonly #failing = new Set<'writing' | 'reading'>()
  #at = Number.NEGATIVE_INFINITY
  #probe: Promise<unknown> | undefined

  constructor(storage: FileStorage) {
    this.name = storage.name
    this.#storage = storage
    if (storage.address) this.address = storage.address.bind(storage)
  }

  put: FileStorage['put'] = (key, body, hints) =>
    this.#storage
      .put(key, body, hints)
      .andTee(() => this.#isWell())
      .orTee(({ type }) => FAILURES.has(type) && this.#fails('writing'))

  open: FileStorage['open'] = (key, range) =>
    this.#storage
      .open(key, range)
      .andTee(() => this.#failing.delete('reading'))
      .orTee(({ type }) => FAILURES.has(type) && this.#fails('reading'))

  /** That something can't be deleted keeps no upload away. */
  delete: FileStorage['delete'] = (...file) => this.#storage.delete(...file)

  list: FileStorage['list'] = (after) =>
    this.#storage
      .list(after)
      .andTee(() => this.#isWell())
      .orTee(() => this.#fails('reading'))

  /** By the last outcomes; when those are older than 30 seconds, by asking for its list. */
  async isUp(): Promise<boolean> {
    // One that hangs is asked once, however many ask for its health.
    if (performance.now() - this.#at > PROBE_EVERY_MS)
      await (this.#probe ??= Promise.resolve(this.list()).finally(() => (this.#probe = undefined)))
    return this.#failing.size === 0
  }

  #isWell(): void {
    this.#failing.clear()
    this.#at = performance.now()
  }

  #fails(what: 'writing' | 'reading'): void {
    this.#failing.add(what)
    this.#at = performance.now()
  }
}
