import type { ResultAsync } from 'neverthrow'
import { markDeleted, type PreconditionFailed } from '../../domain/media/transitions.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { type CacheTitle, cacheAtOnce } from '../projections/cache-title.ts'
import { type Condition, seen } from './change-media.ts'
import { named } from './get-media.ts'

export type DeleteMedia = (
  id: string,
  condition?: Condition,
) => ResultAsync<void, NotFound | PreconditionFailed | Unavailable>

/** From success on the media does not exist any more; its bytes follow. */
export const deleteMedia =
  ({ media }: Pick<Ports, 'media'>, cache: CacheTitle): DeleteMedia =>
  (id, condition = {}) =>
    named(id)
      .asyncAndThen((known) => media.update(known, (row) => seen(row, condition).map(markDeleted)))
      .andTee(cacheAtOnce(cache))
      .map(() => undefined)
