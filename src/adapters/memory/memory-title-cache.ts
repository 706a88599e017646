import { okAsync, type ResultAsync } from 'neverthrow'
import type { CachedTitle, CachedTitles, TitleCache } from '../../application/ports/title-cache.ts'
import type { MediaId } from '../../domain/media/ids.ts'

/** At most this many media items. The entry that was written first is dropped first. */
const MAX_ENTRIES = 100_000
const TOMBSTONE_MS = 24 * 60 * 60 * 1000

interface Entry {
  readonly version: number
  /** Absent in a tombstone. */
  readonly title?: CachedTitle
  /** In milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/**
 * Caches titles in the memory of this process. Only for installations with one process, because other processes would
 * not see its changes.
 *
 * @example
 * const titles = new MemoryTitleCache()
 */
export class MemoryTitleCache implements TitleCache {
  readonly #entries = new Map<MediaId, Entry>()

  put(id: MediaId, title: CachedTitle): ResultAsync<void, never> {
    const version = this.#current(id)?.version ?? 0
    if (version < title.version)
      this.#replace(id, { version: title.version, title, expiresAtMs: Number.POSITIVE_INFINITY })
    return okAsync(undefined)
  }

  find(id: MediaId): ResultAsync<CachedTitle | undefined, never> {
    return okAsync(this.#current(id)?.title)
  }

  remove(id: MediaId, version: number): ResultAsync<void, never> {
    const current = this.#current(id)?.version ?? 0
    if (current <= version) this.#replace(id, { version, expiresAtMs: Date.now() + TOMBSTONE_MS })
    return okAsync(undefined)
  }

  /**
   * Returns all entries in one page. With more pages, an entry could move to the end between two of them and be missed.
   */
  list(): ResultAsync<CachedTitles, never> {
    const entries = [...this.#entries].flatMap(([id, { title }]) => (title ? [{ id, version: title.version }] : []))
    return okAsync({ entries })
  }

  #replace(id: MediaId, entry: Entry): void {
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest)
  }

  #current(id: MediaId): Entry | undefined {
    const entry = this.#entries.get(id)
    return entry && entry.expiresAtMs > Date.now() ? entry : undefined
  }
}
