import { ok, type ResultAsync } from 'neverthrow'
import type { Metadata } from '../../domain/metadata.ts'
import type { GetMedia, ReadOptions } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { within } from './within.ts'

/** Nothing is known yet: the file has not been read, or the store does not answer. */
export interface Pending {
  readonly status: 'pending'
}

export type ReadMetadata = (id: string, asking?: ReadOptions) => ResultAsync<Metadata | Pending, NotFound | Unavailable>

/** Milliseconds. */
const PATIENCE = 1000
const PENDING: Pending = { status: 'pending' }

/** What the file of a media says of itself, the place where it was taken included: who shows that has to decide on it. */
export const readMetadata =
  ({ metadata }: Pick<Ports, 'metadata'>, getMedia: GetMedia): ReadMetadata =>
  (id, asking) =>
    getMedia(id, asking).andThen((media) =>
      within(PATIENCE, 'metadata', metadata.find(media.id, media.attempt))
        .map((found) => found ?? PENDING)
        .orElse(() => ok(PENDING)),
    )
