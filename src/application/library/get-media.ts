import { err, ok, type Result, type ResultAsync } from 'neverthrow'
import { isMediaId, type MediaId } from '../../domain/media/ids.ts'
import type { Media, Stored } from '../../domain/media/media.ts'
import type { Ports } from '../ports/index.ts'
import type { MediaRepository, NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'

export interface Asking {
  /** Whose media may be seen; everybody's when absent. */
  readonly owner?: string | undefined
}

export type GetMedia = (id: string, asking?: Asking) => ResultAsync<Stored, NotFound | Unavailable>

/** One stored media. Another owner's, and one that is not stored yet or any more, does not exist. */
export const getMedia =
  ({ media }: Pick<Ports, 'media'>): GetMedia =>
  (id, asking = {}) =>
    named(id)
      .asyncAndThen((known) => media.get(known))
      .andThen((row) => visible(row, asking))

/** The row as somebody may see it. */
export const visible = (row: Media, { owner }: Asking): Result<Stored, NotFound> =>
  row.state === 'stored' && (owner === undefined || owner === row.owner) ? ok(row) : err(NOT_FOUND)

export const named = (id: string): Result<MediaId, NotFound> => (isMediaId(id) ? ok(id) : err(NOT_FOUND))

/** The row in any state, or nothing where there is none. */
export const rowOf = (media: MediaRepository, id: string): ResultAsync<Media | undefined, Unavailable> =>
  named(id)
    .asyncAndThen((known) => media.get(known))
    .map((row): Media | undefined => row)
    .orElse((error) => (error.type === 'not-found' ? ok(undefined) : err(error)))

const NOT_FOUND: NotFound = { type: 'not-found' }
