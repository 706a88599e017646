import { err, ok, type Result, type ResultAsync } from 'neverthrow'
import { isMediaId, type MediaId } from '../../domain/media/ids.ts'
import type { Media, Stored } from '../../domain/media/media.ts'
import { includesOwner, type OwnerScope, requireOwnerScope } from '../owner.ts'
import type { Ports } from '../ports/index.ts'
import type { MediaRepository, NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'

export interface ReadOptions {
  /** Only media items of this owner exist for the caller. `EVERYONE` for those of all owners. */
  readonly owner: OwnerScope
}

/**
 * Returns a stored media item. Errs with `not-found` if there is none with this id, if it is still being uploaded, was
 * deleted, or belongs to another owner.
 *
 * @example
 * const media = await mediaport.getMedia(id, { owner: 'anna' })
 */
export type GetMedia = (id: string, options: ReadOptions) => ResultAsync<Stored, NotFound | Unavailable>

export const getMedia =
  ({ media }: Pick<Ports, 'media'>): GetMedia =>
  (id, options) => {
    requireOwnerScope(options.owner)
    return parseMediaId(id)
      .asyncAndThen((known) => media.get(known))
      .andThen((row) => visible(row, options))
  }

/** The row, if it is stored and belongs to the owner. */
export const visible = (row: Media, { owner }: ReadOptions): Result<Stored, NotFound> =>
  row.state === 'stored' && includesOwner(owner, row.owner) ? ok(row) : err(NOT_FOUND)

export const parseMediaId = (id: string): Result<MediaId, NotFound> => (isMediaId(id) ? ok(id) : err(NOT_FOUND))

/** The row in any state, or `undefined` if there is none. */
export const findRow = (media: MediaRepository, id: string): ResultAsync<Media | undefined, Unavailable> =>
  parseMediaId(id)
    .asyncAndThen((known) => media.get(known))
    .map((row): Media | undefined => row)
    .orElse((error) => (error.type === 'not-found' ? ok(undefined) : err(error)))

const NOT_FOUND: NotFound = { type: 'not-found' }
