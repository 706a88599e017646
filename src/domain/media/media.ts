import { err, ok, type Result } from 'neverthrow'
import type { ContentType } from '../values/content-type.ts'
import type { Sha256 } from '../values/digest.ts'
import type { FileName } from '../values/file-name.ts'
import type { Tag } from '../values/tag.ts'
import type { Title } from '../values/title.ts'

/** A UUID (RFC 9562), lower case. */
export type MediaId = string & { readonly __brand: 'MediaId' }

/** Another spelling (upper case, braces) names no media. */
export const isMediaId = (raw: string): raw is MediaId => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(raw)

/** One try at storing one file: a random token. It is the fence: only who holds it may commit or give up. */
export type Attempt = string & { readonly __brand: 'Attempt' }

/** Where a storage keeps the bytes of one attempt to put them there: `<id>.<attempt>`, used once and never again. */
export type StorageKey = string & { readonly __brand: 'StorageKey' }

/** What an upload sets out with, before its first byte reaches a storage. */
export interface Intent {
  readonly id: MediaId
  readonly owner: string
  readonly attempt: Attempt
  /** The name of the storage that is given the bytes. */
  readonly storage: string
  readonly storageKey: StorageKey
  readonly filename: FileName
  readonly mimeType: ContentType
}

/** Bytes are on their way; nobody but the attempt's holder touches it before the lease has run out. */
export interface Receiving extends Intent {
  readonly state: 'receiving'
  readonly createdAt: Date
  readonly leaseExpiresAt: Date
}

/** What is known once all bytes are stored. */
export interface Contents {
  /** The storage's own name for the file. */
  readonly fileId: string
  /** The storage's own address, or a path where mediaport serves the file. */
  readonly url: string
  readonly sizeBytes: number
  readonly sha256: Sha256
  readonly title: Title
  readonly tags: readonly Tag[]
  /** Digest of what was first sent (bytes, name, title, tags): tells a repeated upload from another one. */
  readonly fingerprint: Sha256
}

/** A media that people see. */
export interface Stored extends Intent, Contents {
  readonly state: 'stored'
  readonly createdAt: Date
  /** Starts at 1 and grows with every change of title, tags or place, and with deletion. */
  readonly version: number
}

/** Its key will never be committed again, so its bytes may go; the row stays until they surely have. */
export interface Unwanted extends Intent {
  readonly state: 'abandoned' | 'deleted'
  readonly createdAt: Date
  readonly version: number
  /** When its bytes were first known to be deleted. */
  readonly discardedAt: Date | undefined
}

/** An upload that came to nothing. */
export type Abandoned = Unwanted & { readonly state: 'abandoned' }

/** A media that people saw. */
export type Deleted = Unwanted & { readonly state: 'deleted' }

export type Media = Receiving | Stored | Abandoned | Deleted

/** Bytes that nothing wants any more. */
export interface Leftover {
  readonly id: MediaId
  readonly storage: string
  readonly storageKey: StorageKey
  /** The storage's own name for the file, where it has told it. */
  readonly fileId?: string | undefined
}

export type MediaEvent =
  | { readonly type: 'media-stored'; readonly id: MediaId; readonly attempt: Attempt }
  | { readonly type: 'media-changed'; readonly id: MediaId }
  | (Leftover & { readonly type: 'media-abandoned' | 'media-deleted' | 'attempt-replaced' | 'attempt-late' })
  /** Others may take it for left behind once `seconds` have passed. */
  | (Leftover & { readonly type: 'copy-begun'; readonly seconds: number })

export interface Transition<To extends Media = Media> {
  readonly media: To
  readonly events: readonly MediaEvent[]
}

/** The row is not, or no longer, this caller's to change so; `media` is the row as it stands. */
export interface FenceLost {
  readonly type: 'fence-lost'
  readonly media: Media
}

/** The media is another version than the caller has seen. */
export interface PreconditionFailed {
  readonly type: 'precondition-failed'
}

export const storageKey = (id: MediaId, attempt: Attempt): StorageKey => `${id}.${attempt}` as StorageKey

/** Where mediaport serves a file, below its public address. */
export const contentPath = (id: MediaId): string => `/media/${id}/content/`

export function receive(intent: Intent, now: Date, leaseSeconds: number): Receiving {
  return { ...intent, state: 'receiving', createdAt: now, leaseExpiresAt: leaseFrom(now, leaseSeconds) }
}

export const leaseFrom = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * 1000)

/** Begins the next attempt at the same media: after one that came to nothing, or whose lease has run out. */
export function receiveAgain(
  media: Media,
  intent: Intent,
  now: Date,
  leaseSeconds: number,
): Result<Transition<Receiving>, FenceLost> {
  const isOver = media.state === 'abandoned' || (media.state === 'receiving' && media.leaseExpiresAt <= now)
  if (!isOver) return err({ type: 'fence-lost', media })
  return ok({ media: receive(intent, now, leaseSeconds), events: [{ type: 'attempt-replaced', ...leftover(media) }] })
}

/** receiving → stored, by the attempt that received the bytes and by no other. */
export function store(media: Media, attempt: Attempt, contents: Contents): Result<Transition<Stored>, FenceLost> {
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  return ok({
    media: { ...intentOf(media), ...contents, state: 'stored', createdAt: media.createdAt, version: 1 },
    events: [{ type: 'media-stored', id: media.id, attempt }],
  })
}

/** receiving → abandoned, by the attempt that gives up. */
export function abandon(media: Media, attempt: Attempt): Result<Transition<Abandoned>, FenceLost> {
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  return ok(putAway(media))
}

/** receiving → abandoned, by anybody, once the lease has run out. */
export function expire(media: Media, now: Date): Result<Transition<Abandoned>, FenceLost> {
  if (media.state !== 'receiving' || media.leaseExpiresAt > now) return err({ type: 'fence-lost', media })
  return ok(putAway(media))
}

/** Tells of bytes that may have come after others had given them up and looked for them. */
export const comeLate = (media: Media, late: Leftover): Transition => ({
  media,
  events: [{ type: 'attempt-late', ...late }],
})

export interface Changes {
  readonly title?: Title | undefined
  readonly tags?: readonly Tag[] | undefined
}

/** Gives a stored media another title or other tags, as one new version. Without a difference nothing changes. */
export function change(media: Stored, { title = media.title, tags = media.tags }: Changes): Transition<Stored> {
  if (title === media.title && tags.join() === media.tags.join()) return { media, events: [] }
  return {
    media: { ...media, title, tags, version: media.version + 1 },
    events: [{ type: 'media-changed', id: media.id }],
  }
}

/** Tells, before its first byte, of a copy that may become the media's bytes within `seconds`. */
export const beginCopy = (media: Stored, copy: Leftover, seconds: number): Transition<Stored> => ({
  media,
  events: [{ type: 'copy-begun', ...copy, seconds }],
})

/** Stored elsewhere from now on: the same bytes, so that everything known of them stays true. */
export function relocate(
  media: Stored,
  to: Leftover,
  { fileId, url }: Pick<Contents, 'fileId' | 'url'>,
): Transition<Stored> {
  const { storage, storageKey } = to
  return {
    media: { ...media, storage, storageKey, fileId, url, version: media.version + 1 },
    events: [
      { type: 'media-changed', id: media.id },
      { type: 'attempt-replaced', ...leftover(media) },
    ],
  }
}

/** stored → deleted. */
export function remove(media: Stored): Transition<Deleted> {
  const { createdAt, version } = media
  return {
    media: { ...intentOf(media), state: 'deleted', createdAt, version: version + 1, discardedAt: undefined },
    events: [{ type: 'media-deleted', ...leftover(media) }],
  }
}

/** Notes that the bytes under `key` are gone, if they are the row's and were not known to be. */
export function markDiscarded(
  media: Media,
  key: StorageKey,
  now: Date,
): Result<Transition<Unwanted & Media>, FenceLost> {
  if (!isUnwanted(media) || media.storageKey !== key) return err({ type: 'fence-lost', media })
  return ok({ media: { ...media, discardedAt: media.discardedAt ?? now }, events: [] })
}

export const isUnwanted = (media: Media): media is Abandoned | Deleted =>
  media.state === 'abandoned' || media.state === 'deleted'

/** Whether this row may yet show the bytes under `key` to somebody. */
export const holds = (media: Media, key: StorageKey): boolean => !isUnwanted(media) && media.storageKey === key

const isReceivedBy = (media: Media, attempt: Attempt): media is Receiving =>
  media.state === 'receiving' && media.attempt === attempt

function putAway(media: Receiving): Transition<Abandoned> {
  const { createdAt } = media
  return {
    media: { ...intentOf(media), state: 'abandoned', createdAt, version: 0, discardedAt: undefined },
    events: [{ type: 'media-abandoned', ...leftover(media) }],
  }
}

export const leftover = ({ id, storage, storageKey, fileId }: Leftover): Leftover => ({
  id,
  storage,
  storageKey,
  ...(fileId !== undefined && { fileId }),
})

const intentOf = ({ id, owner, attempt, storage, storageKey, filename, mimeType }: Intent): Intent => ({
  id,
  owner,
  attempt,
  storage,
  storageKey,
  filename,
  mimeType,
})
