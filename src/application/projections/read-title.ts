import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import { type GetMedia, parseMediaId, type ReadOptions } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { CACHE_PATIENCE, type CacheTitle, cacheAtOnce } from './cache-title.ts'
import { within } from './within.ts'

export interface TitleView extends Pick<Stored, 'title' | 'tags'> {
  readonly id: MediaId
}

export type ReadTitle = (id: string, asking?: ReadOptions) => ResultAsync<TitleView, NotFound | Unavailable>

/**
 * Title and tags, from the cache where it has them. They may be as old as the jobs are behind; a media that this very
 * process has changed or deleted is as it is. Without a cache the row is read, later by `CACHE_PATIENCE` at most.
 */
export const readTitle =
  ({ titles }: Pick<Ports, 'titles'>, getMedia: GetMedia, cache: CacheTitle): ReadTitle =>
  (raw, asking = {}) =>
    safeTry(async function* () {
      const id = yield* parseMediaId(raw)
      const found = await within(CACHE_PATIENCE, 'titles', titles.find(id))
      const cached = found.unwrapOr(undefined)
      if (cached && (asking.owner === undefined || asking.owner === cached.owner))
        return ok({ id, title: cached.title, tags: cached.tags })
      const media = yield* getMedia(id, asking)
      if (found.isOk() && !cached) await cacheAtOnce(cache)(media)
      return ok({ id, title: media.title, tags: media.tags })
    })
