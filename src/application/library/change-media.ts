import { err, ok, Result, type ResultAsync } from 'neverthrow'
import type { Media, Stored } from '../../domain/media/media.ts'
import { type Changes, change, type PreconditionFailed } from '../../domain/media/transitions.ts'
import { type InvalidTag, parseTags } from '../../domain/values/tag.ts'
import { type InvalidTitle, parseTitle } from '../../domain/values/title.ts'
import { requireOwnerScope } from '../owner.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { type CacheTitle, cacheAtOnce } from '../projections/cache-title.ts'
import { parseMediaId, type ReadOptions, visible } from './get-media.ts'

export interface WriteOptions extends ReadOptions {
  /** Decides, while the row is locked, whether the write goes on. If it returns `false`, nothing is written. */
  readonly precondition?: ((media: Stored) => boolean) | undefined
}

export interface ChangeOptions extends WriteOptions {
  readonly title?: string | undefined
  /** The new list of tags. Tags that it lacks are removed. */
  readonly tags?: readonly string[] | undefined
}

/**
 * Changes the title, the tags or both. What is absent stays. If nothing differs, the version stays, too.
 *
 * @example
 * await mediaport.changeMedia(id, { owner: 'anna', title: 'Hiver', precondition: ({ version }) => version === 3 })
 */
export type ChangeMedia = (
  id: string,
  options: ChangeOptions,
) => ResultAsync<Stored, InvalidTitle | InvalidTag | NotFound | PreconditionFailed | Unavailable>

export const changeMedia =
  ({ media }: Pick<Ports, 'media'>, cache: CacheTitle): ChangeMedia =>
  (id, options) => {
    requireOwnerScope(options.owner)
    return Result.combine([parseMediaId(id), parseChanges(options)]).asyncAndThen(([known, changes]) =>
      media
        .update(known, (row) => writable(row, options).map((stored) => change(stored, changes)))
        .andTee(cacheAtOnce(cache)),
    )
  }

/** The row, if the caller sees it and the precondition holds. */
export const writable = (row: Media, options: WriteOptions): Result<Stored, NotFound | PreconditionFailed> =>
  visible(row, options).andThen((media) =>
    options.precondition?.(media) === false ? err({ type: 'precondition-failed' } as const) : ok(media),
  )

const parseChanges = ({ title, tags }: ChangeOptions): Result<Changes, InvalidTitle | InvalidTag> =>
  Result.combine([
    title === undefined ? ok(undefined) : parseTitle(title),
    tags === undefined ? ok(undefined) : parseTags(tags),
  ]).map(([title, tags]) => ({ title, tags }))
