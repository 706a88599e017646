import { err, ok, Result, type ResultAsync } from 'neverthrow'
import type { Media, Stored } from '../../domain/media/media.ts'
import { type Changes, change, type PreconditionFailed } from '../../domain/media/transitions.ts'
import { type InvalidTag, parseTags } from '../../domain/values/tag.ts'
import { type InvalidTitle, parseTitle } from '../../domain/values/title.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { type CacheTitle, cacheAtOnce } from '../projections/cache-title.ts'
import { type Asking, named, visible } from './get-media.ts'

export interface Condition extends Asking {
  /** Only while the media has this version; whatever it has when absent. */
  readonly ifVersion?: number | undefined
}

export interface NewDetails extends Condition {
  readonly title?: string | undefined
  /** All of them: those not named any more are gone. */
  readonly tags?: readonly string[] | undefined
}

export type ChangeMedia = (
  id: string,
  details: NewDetails,
) => ResultAsync<Stored, InvalidTitle | InvalidTag | NotFound | PreconditionFailed | Unavailable>

/** Gives a media another title, other tags or both at once; without a difference its version stays. */
export const changeMedia =
  ({ media }: Pick<Ports, 'media'>, cache: CacheTitle): ChangeMedia =>
  (id, details) =>
    Result.combine([named(id), parseChanges(details)]).asyncAndThen(([known, changes]) =>
      media
        .update(known, (row) => seen(row, details).map((stored) => change(stored, changes)))
        .andTee(cacheAtOnce(cache)),
    )

/** The row, if it is there for this caller and still the version that they have seen. */
export function seen(row: Media, condition: Condition): Result<Stored, NotFound | PreconditionFailed> {
  return visible(row, condition).andThen((stored) =>
    condition.ifVersion === undefined || condition.ifVersion === stored.version
      ? ok(stored)
      : err({ type: 'precondition-failed' } as const),
  )
}

const parseChanges = ({ title, tags }: NewDetails): Result<Changes, InvalidTitle | InvalidTag> =>
  Result.combine([
    title === undefined ? ok(undefined) : parseTitle(title),
    tags === undefined ? ok(undefined) : parseTags(tags),
  ]).map(([title, tags]) => ({ title, tags }))
