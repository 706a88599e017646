import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../domain/media.ts'
import { rowOf } from './get-media.ts'
import type { Ports } from './mediaport.ts'
import type { Unavailable } from './ports/unavailable.ts'

export type CacheTitle = (id: MediaId) => ResultAsync<void, Unavailable>

/** Makes the cache agree with what the row says by now. */
export const cacheTitle =
  ({ media, titles }: Pick<Ports, 'media' | 'titles'>): CacheTitle =>
  (id) =>
    safeTry(async function* () {
      for (let done: number | undefined; ; ) {
        const row = yield* rowOf(media, id)
        // Read once more after writing: what changed meanwhile may have been written by nobody.
        if (!row || row.state === 'receiving' || row.version === done) return ok()
        if (row.state === 'stored') yield* titles.put(id, row)
        if (row.state === 'deleted') yield* titles.remove(id, row.version)
        done = row.version
      }
    })
