import type { FileStorage } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'

const CHECK_AFTER_MS = 30_000
const FAILURES = new Set(['unavailable', 'storage-error', 'insufficient-storage'])

/** A storage that remembers the outcome of its last calls. So a health check of a storage in use costs nothing. */
export class WatchedStorage implements FileStorage {
  readonly name: string
  readonly address?: NonNullable<FileStorage['address']>
  readonly #storage: FileStorage
  /** What failed the last time. A full disk can be read, but not written. */
  readonly #failing = new Set<'write' | 'read'>()
  #knownAt = Number.NEGATIVE_INFINITY
  #check: Promise<unknown> | undefined

  constructor(storage: FileStorage) {
    this.name = storage.name
    this.#storage = storage
    if (storage.address) this.address = storage.address.bind(storage)
  }

  put: FileStorage['put'] = (key, body, hints) =>
    this.#storage
      .put(key, body, hints)
      .andTee(() => this.#succeeded())
      .orTee(({ type }) => FAILURES.has(type) && this.#failed('write'))

  open: FileStorage['open'] = (key, range) =>
    this.#storage
      .open(key, range)
      .andTee(() => this.#failing.delete('read'))
      .orTee(({ type }) => FAILURES.has(type) && this.#failed('read'))

  /** A failed deletion does not keep uploads from being accepted. */
  delete: FileStorage['delete'] = (...file) => this.#storage.delete(...file)

  list: FileStorage['list'] = (after) =>
    this.#storage
      .list(after)
      .andTee(() => this.#succeeded())
      .orTee(() => this.#failed('read'))

  /** Whether the last calls succeeded. If the last one is older than 30 seconds, lists the files first. */
  async isUp(): Promise<boolean> {
    // Concurrent calls share one check, because a storage that hangs must not collect them.
    if (performance.now() - this.#knownAt > CHECK_AFTER_MS)
      await (this.#check ??= Promise.resolve(this.list()).finally(() => (this.#check = undefined)))
    return this.#failing.size === 0
  }

  #succeeded(): void {
    this.#failing.clear()
    this.#knownAt = performance.now()
  }

  #failed(call: 'write' | 'read'): void {
    this.#failing.add(call)
    this.#knownAt = performance.now()
  }
}

/** Throws if two storages have the same name, because rows name their storage. */
export function watchStorages([first, ...others]: Ports['storages']): readonly [WatchedStorage, ...WatchedStorage[]] {
  const names = [first, ...others].map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined)
    throw new Error(`Two storages have the name ${repeated}. Give each a name of its own: rows name their storage.`)
  return [new WatchedStorage(first), ...others.map((storage) => new WatchedStorage(storage))]
}
