import { okAsync, type ResultAsync } from 'neverthrow'
import type { CachedTitle, CachedTitles, TitleCache } from '../../application/ports/title-cache.ts'
import type { MediaId } from '../../domain/media/ids.ts'

/** How many media it knows at most; the ones written longest ago are dropped first. */
const MAX_ENTRIES = 100_000
const TOMBSTONE_MS = 24 * 60 * 60 * 1000

interface Entry {
  readonly version: number
  /** Absent in a tombstone. */
  readonly title?: CachedTitle
  readonly until: number
}

/** Keeps titles in this process's memory, so it is for one process alone: others would not see its changes. */
export class MemoryTitleCache implements TitleCache {
  readonly #entries = new Map<MediaId, Entry>()

  put(id: MediaId, title: CachedTitle): ResultAsync<void, never> {
    const known = this.#current(id)?.version ?? 0
    if (known < title.version) this.#replace(id, { version: title.version, title, until: Number.POSITIVE_INFINITY })
    return okAsync(undefined)
  }

  find(id: MediaId): ResultAsync<CachedTitle | undefined, never> {
    return okAsync(this.#current(id)?.title)
  }

  remove(id: MediaId, version: number): ResultAsync<void, never> {
    const known = this.#current(id)?.version ?? 0
    if (known <= version) this.#replace(id, { version, until: Date.now() + TOMBSTONE_MS })
    return okAsync(undefined)
  }

  /** All in one page: a later page could miss what moved to the end meanwhile. */
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
    return entry && entry.until > Date.now() ? entry : undefined
  }
}
