import type { ResultAsync } from 'neverthrow'
import { markDeleted, type PreconditionFailed } from '../../domain/media/transitions.ts'
import { requireOwnerScope } from '../owner.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { type CacheTitle, cacheAtOnce } from '../projections/cache-title.ts'
import { type WriteOptions, writable } from './change-media.ts'
import { parseMediaId } from './get-media.ts'

/** Deletes a media item. It does not exist any more once this succeeds. A job deletes its file, metadata and title. */
export type DeleteMedia = (
  id: string,
  options: WriteOptions,
) => ResultAsync<void, NotFound | PreconditionFailed | Unavailable>

export const deleteMedia =
  ({ media }: Pick<Ports, 'media'>, cache: CacheTitle): DeleteMedia =>
  (id, options) => {
    requireOwnerScope(options.owner)
    return parseMediaId(id)
      .asyncAndThen((known) => media.update(known, (row) => writable(row, options).map(markDeleted)))
      .andTee(cacheAtOnce(cache))
      .map(() => undefined)
  }
