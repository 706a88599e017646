import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { Stored } from '../../domain/media/media.ts'
import { type GetMedia, parseMediaId, type ReadOptions } from '../library/get-media.ts'
import { includesOwner, requireOwnerScope } from '../owner.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { CACHE_TIMEOUT_MS, type CacheTitle, cacheAtOnce } from './cache-title.ts'
import { within } from './within.ts'

export type TitleView = Pick<Stored, 'id' | 'title' | 'tags'>

/**
 * Returns the title and tags of a media item, from the cache if it has them. After a change or deletion by another process
 * it may return the old ones until the job has run. If the cache does not answer within 100 ms, the row is read.
 */
export type ReadTitle = (id: string, options: ReadOptions) => ResultAsync<TitleView, NotFound | Unavailable>

export const readTitle =
  ({ titles }: Pick<Ports, 'titles'>, getMedia: GetMedia, cache: CacheTitle): ReadTitle =>
  (rawId, options) => {
    requireOwnerScope(options.owner)
    return safeTry(async function* () {
      const id = yield* parseMediaId(rawId)
      const found = await within(CACHE_TIMEOUT_MS, 'titles', titles.find(id))
      const cached = found.unwrapOr(undefined)
      if (cached && includesOwner(options.owner, cached.owner))
        return ok({ id, title: cached.title, tags: cached.tags })
      const media = yield* getMedia(id, options)
      if (found.isOk() && !cached) await cacheAtOnce(cache)(media)
      return ok({ id, title: media.title, tags: media.tags })
    })
  }
