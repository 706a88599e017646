import { err, ok, type Result } from 'neverthrow'
import type { Tag } from '../values/tag.ts'
import type { Title } from '../values/title.ts'
import type { MediaEvent } from './events.ts'
import type { Attempt, StorageKey } from './ids.ts'
import {
  type Abandoned,
  type Contents,
  type Deleted,
  type FileRef,
  fileRef,
  type Intent,
  isDiscardable,
  type Media,
  type Receiving,
  type Stored,
} from './media.ts'

/** The next state of a row, and the events to be delivered with it. */
export interface Transition<To extends Media = Media> {
  readonly media: To
  readonly events: readonly MediaEvent[]
}

/** The row is in another state, or belongs to another attempt, than the transition needs. `media` is the row as it is. */
export interface FenceLost {
  readonly type: 'fence-lost'
  readonly media: Media
}

/** The media item has another version than the caller expects. */
export interface PreconditionFailed {
  readonly type: 'precondition-failed'
}

/** The first state of every row. */
export function receive(intent: Intent, now: Date, leaseSeconds: number): Receiving {
  return { ...intent, state: 'receiving', createdAt: now, leaseExpiresAt: leaseFrom(now, leaseSeconds) }
}

export const leaseFrom = (now: Date, leaseSeconds: number): Date => new Date(now.getTime() + leaseSeconds * 1000)

/** Times of an installation, in seconds. */
export interface Times {
  /** How long an upload may make no progress. */
  readonly leaseSeconds: number
  /** How long a writer that was paused may still write bytes that are not needed any more. */
  readonly forgetAfterSeconds: number
}

/** abandoned → receiving, or receiving → receiving once the lease has expired: starts the next attempt at the same id. */
export function receiveAgain(
  media: Media,
  intent: Intent,
  now: Date,
  { leaseSeconds, forgetAfterSeconds }: Times,
): Result<Transition<Receiving>, FenceLost> {
  const isOver = media.state === 'abandoned' || (media.state === 'receiving' && media.leaseExpiresAt <= now)
  if (!isOver) return err({ type: 'fence-lost', media })
  return ok({
    media: receive(intent, now, leaseSeconds),
    events: [{ type: 'attempt-replaced', ...fileRef(media), writableSeconds: forgetAfterSeconds }],
  })
}

/** receiving → stored, by the attempt that received the bytes. */
export function store(media: Media, attempt: Attempt, contents: Contents): Result<Transition<Stored>, FenceLost> {
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  return ok({
    media: { ...intentOf(media), ...contents, state: 'stored', createdAt: media.createdAt, version: 1 },
    events: [{ type: 'media-stored', id: media.id, attempt }],
  })
}

/** receiving → abandoned, by the attempt that failed. */
export function abandon(media: Media, attempt: Attempt): Result<Transition<Abandoned>, FenceLost> {
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  return ok(toAbandoned(media))
}

/** receiving → abandoned, by any process, once the lease has expired. */
export function expire(media: Media, now: Date): Result<Transition<Abandoned>, FenceLost> {
  if (media.state !== 'receiving' || media.leaseExpiresAt > now) return err({ type: 'fence-lost', media })
  return ok(toAbandoned(media))
}

/** Reports bytes that may have been written after another process had deleted them. Changes nothing in the row. */
export const reportLateFile = (media: Media, file: FileRef, { forgetAfterSeconds }: Times): Transition => ({
  media,
  events: [{ type: 'attempt-late', ...file, writableSeconds: forgetAfterSeconds }],
})

export interface Changes {
  readonly title?: Title | undefined
  readonly tags?: readonly Tag[] | undefined
}

/** Changes title and tags and adds 1 to the version. If neither differs, nothing changes. */
export function change(media: Stored, { title = media.title, tags = media.tags }: Changes): Transition<Stored> {
  if (title === media.title && tags.join() === media.tags.join()) return { media, events: [] }
  return {
    media: { ...media, title, tags, version: media.version + 1 },
    events: [{ type: 'media-changed', id: media.id }],
  }
}

/** Reports, before its first byte, a copy that may become the bytes of the media item within `decidedSeconds`. */
export const startCopy = (
  media: Stored,
  copy: FileRef,
  decidedSeconds: number,
  { forgetAfterSeconds }: Times,
): Transition<Stored> => ({
  media,
  events: [{ type: 'copy-started', ...copy, decidedSeconds, writableSeconds: forgetAfterSeconds }],
})

/** The same bytes at another storage. Metadata and title stay true. */
export function relocate(
  media: Stored,
  to: FileRef,
  { fileId, url }: Pick<Contents, 'fileId' | 'url'>,
  { forgetAfterSeconds }: Times,
): Transition<Stored> {
  const { storage, storageKey } = to
  return {
    media: { ...media, storage, storageKey, fileId, url, version: media.version + 1 },
    events: [
      { type: 'media-changed', id: media.id },
      { type: 'attempt-replaced', ...fileRef(media), writableSeconds: forgetAfterSeconds },
    ],
  }
}

/** stored → deleted. */
export function markDeleted(media: Stored): Transition<Deleted> {
  const { createdAt, version } = media
  return {
    media: { ...intentOf(media), state: 'deleted', createdAt, version: version + 1, discardedAt: undefined },
    events: [{ type: 'media-deleted', ...fileRef(media) }],
  }
}

/** Records that the bytes at `key` were deleted from the storage. A later call keeps the first time. */
export function markDiscarded(
  media: Media,
  key: StorageKey,
  now: Date,
): Result<Transition<Abandoned | Deleted>, FenceLost> {
  if (!isDiscardable(media) || media.storageKey !== key) return err({ type: 'fence-lost', media })
  return ok({ media: { ...media, discardedAt: media.discardedAt ?? now }, events: [] })
}

const isReceivedBy = (media: Media, attempt: Attempt): media is Receiving =>
  media.state === 'receiving' && media.attempt === attempt

function toAbandoned(media: Receiving): Transition<Abandoned> {
  const { createdAt } = media
  return {
    media: { ...intentOf(media), state: 'abandoned', createdAt, version: 0, discardedAt: undefined },
    events: [{ type: 'media-abandoned', ...fileRef(media) }],
  }
}

const intentOf = ({ id, owner, attempt, storage, storageKey, filename, mimeType }: Intent): Intent => ({
  id,
  owner,
  attempt,
  storage,
  storageKey,
  filename,
  mimeType,
})
