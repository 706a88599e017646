import { ok, type ResultAsync } from 'neverthrow'
import type { Metadata } from '../../domain/metadata.ts'
import type { GetMedia, ReadOptions } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { NotFound } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { within } from './within.ts'

/** The file has not been described yet, or the metadata store does not answer. */
export interface Pending {
  readonly status: 'pending'
}

/**
 * Returns the technical metadata of a media item's file. It includes the place where a picture was taken, so the caller must
 * decide who may see it. If the metadata store does not answer within a second, the result is `pending`.
 */
export type ReadMetadata = (id: string, options: ReadOptions) => ResultAsync<Metadata | Pending, NotFound | Unavailable>

const TIMEOUT_MS = 1000
const PENDING: Pending = { status: 'pending' }

export const readMetadata =
  ({ metadata }: Pick<Ports, 'metadata'>, getMedia: GetMedia): ReadMetadata =>
  (id, options) =>
    getMedia(id, options).andThen((media) =>
      within(TIMEOUT_MS, 'metadata', metadata.find(media.id, media.attempt))
        .map((document) => document ?? PENDING)
        .orElse(() => ok(PENDING)),
    )
