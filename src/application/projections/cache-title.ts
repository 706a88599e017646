import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Media } from '../../domain/media/media.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { within } from './within.ts'

/**
 * Makes the title cache agree with the row.
 *
 * @param current The row, if the caller has just read or written it.
 */
export type CacheTitle = (id: MediaId, current?: Media) => ResultAsync<void, Unavailable>

export const cacheTitle =
  ({ media, titles }: Pick<Ports, 'media' | 'titles'>): CacheTitle =>
  (id, current) =>
    safeTry(async function* () {
      let row = current ?? (yield* findRow(media, id))
      for (let cachedVersion: number | undefined; ; row = yield* findRow(media, id)) {
        if (!row || row.state === 'receiving') {
          // The media item was deleted and forgotten after its title was cached.
          if (cachedVersion !== undefined) yield* titles.remove(id, cachedVersion)
          return ok()
        }
        // Re-read after writing: the job of a change in between may have run before this write.
        if (row.version === cachedVersion) return ok()
        if (row.state === 'stored') yield* titles.put(id, row)
        if (row.state === 'deleted') yield* titles.remove(id, row.version)
        cachedVersion = row.version
      }
    })

/** How long a caller waits for the title cache. */
export const CACHE_TIMEOUT_MS = 100

/** Does the work of the job at once, so that readers see a change. If that fails or takes too long, the job does it. */
export const cacheAtOnce =
  (cache: CacheTitle) =>
  (row: Media): ResultAsync<void, Unavailable> =>
    within(CACHE_TIMEOUT_MS, 'titles', cache(row.id, row))
