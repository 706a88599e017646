import type { ResultAsync } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Title } from '../../domain/values/title.ts'
import type { Unavailable } from './unavailable.ts'

/** Titles and tags for very fast reading: a copy of what the repository knows, which may be lost at any time. */
export interface TitleCache {
  /** Keeps the entry, unless this media's newer or equal version is known: an older one never replaces it. */
  put(id: MediaId, entry: CachedTitle): ResultAsync<void, Unavailable>

  find(id: MediaId): ResultAsync<CachedTitle | undefined, Unavailable>

  /** Takes the entry out, and for a day nothing up to `version` can be put in again. */
  remove(id: MediaId, version: number): ResultAsync<void, Unavailable>

  /**
   * Some of the entries, those that were taken out not among them, in no order and now and then one twice; a page may be
   * empty. Whoever goes on with each page's `next` until there is none has seen every entry that was there all the while.
   */
  list(next?: string): ResultAsync<CachedTitles, Unavailable>
}

export interface CachedTitles {
  readonly entries: readonly { readonly id: MediaId; readonly version: number }[]
  readonly next?: string
}

export interface CachedTitle {
  readonly owner: string
  readonly title: Title
  readonly tags: readonly Tag[]
  readonly version: number
}
