import type { ResultAsync } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import type { Unavailable } from './unavailable.ts'

/** Copies of titles and tags that can be read very fast. It may lose any of them at any time. */
export interface TitleCache {
  /** Writes the entry, unless the cache has an entry of the same or a newer version. */
  put(id: MediaId, entry: CachedTitle): ResultAsync<void, Unavailable>

  find(id: MediaId): ResultAsync<CachedTitle | undefined, Unavailable>

  /** Removes the entry. For one day no entry up to `version` can be written again. */
  remove(id: MediaId, version: number): ResultAsync<void, Unavailable>

  /**
   * Returns a page of entries in no particular order. Removed entries are not included. An entry may occur twice, and a page
   * may be empty. An entry that exists from the first page to the last occurs at least once.
   *
   * @param next `next` of the previous page.
   */
  list(next?: string): ResultAsync<CachedTitles, Unavailable>

  /** Whether the cache answers now. Never rejects. Absent if the cache has no server of its own. */
  isUp?(): Promise<boolean>
}

export interface CachedTitles {
  readonly entries: readonly { readonly id: MediaId; readonly version: number }[]
  /** Absent on the last page. */
  readonly next?: string
}

/** The part of a media item that a cache keeps. */
export type CachedTitle = Pick<Stored, 'owner' | 'title' | 'tags' | 'version'>
