import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Media } from '../../domain/media/media.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { within } from './within.ts'

/** @param seen the row, where it was read just now. */
export type CacheTitle = (id: MediaId, seen?: Media) => ResultAsync<void, Unavailable>

/** Makes the cache agree with what the row says by now. */
export const cacheTitle =
  ({ media, titles }: Pick<Ports, 'media' | 'titles'>): CacheTitle =>
  (id, seen) =>
    safeTry(async function* () {
      let row = seen ?? (yield* findRow(media, id))
      for (let done: number | undefined; ; row = yield* findRow(media, id)) {
        if (!row || row.state === 'receiving') {
          // What was written meanwhile is of a media that has come to its end.
          if (done !== undefined) yield* titles.remove(id, done)
          return ok()
        }
        // Read once more after writing: what changed meanwhile may have been written by nobody.
        if (row.version === done) return ok()
        if (row.state === 'stored') yield* titles.put(id, row)
        if (row.state === 'deleted') yield* titles.remove(id, row.version)
        done = row.version
      }
    })

/** How long a caller waits for a cache that was to make things faster, in milliseconds. */
export const CACHE_PATIENCE = 100

/** Does the job's work at once, so that readers see the change; where that takes too long or fails, the job does it. */
export const cacheAtOnce =
  (cache: CacheTitle) =>
  (row: Media): ResultAsync<void, Unavailable> =>
    within(CACHE_PATIENCE, 'titles', cache(row.id, row))
