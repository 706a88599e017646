import { err, errAsync, ok, type ResultAsync } from 'neverthrow'
import { isMediaId, type Stored } from '../domain/media.ts'
import type { Ports } from './mediaport.ts'
import type { NotFound } from './ports/media-repository.ts'
import type { Unavailable } from './ports/unavailable.ts'

export interface Asking {
  /** Whose media may be seen; everybody's when absent. */
  readonly owner?: string | undefined
}

export type GetMedia = (id: string, asking?: Asking) => ResultAsync<Stored, NotFound | Unavailable>

/** One stored media. Another owner's, and one that is not stored yet or any more, does not exist. */
export const getMedia =
  ({ media }: Pick<Ports, 'media'>): GetMedia =>
  (id, { owner } = {}) =>
    isMediaId(id)
      ? media
          .get(id)
          .andThen((found) =>
            found.state === 'stored' && (owner === undefined || owner === found.owner) ? ok(found) : err(NOT_FOUND),
          )
      : errAsync(NOT_FOUND)

const NOT_FOUND = { type: 'not-found' } as const
