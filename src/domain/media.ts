import { err, ok, type Result } from 'neverthrow'
import type { ContentType } from './content-type.ts'
import type { Sha256 } from './digest.ts'
import type { FileName } from './file-name.ts'
import type { Tag } from './tag.ts'
import type { Title } from './title.ts'

/** A UUID (RFC 9562), lower case. */
export type MediaId = string & { readonly __brand: 'MediaId' }

/** Another spelling (upper case, braces) names no media. */
export const isMediaId = (raw: string): raw is MediaId => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(raw)

/** One try at storing one file: a random token. It is the fence: only who holds it may commit or give up. */
export type Attempt = string & { readonly __brand: 'Attempt' }

/** Where a storage keeps the bytes of one attempt: `<id>.<attempt>`, used once and never again. */
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
  /** Starts at 1 and grows with every change of title or tags. */
  readonly version: number
}

/** Given up: its key will never be committed, so its bytes may be deleted. */
export interface Abandoned extends Intent {
  readonly state: 'abandoned'
  readonly createdAt: Date
}

export type Media = Receiving | Stored | Abandoned

export type MediaEvent =
  | { readonly type: 'media-stored'; readonly id: MediaId }
  | {
      readonly type: 'media-abandoned'
      readonly id: MediaId
      readonly storage: string
      readonly storageKey: StorageKey
    }

export interface Transition<To extends Media = Media> {
  readonly media: To
  readonly events: readonly MediaEvent[]
}

/** The attempt is no longer this upload's to decide; `media` is the row as it stands. */
export interface FenceLost {
  readonly type: 'fence-lost'
  readonly media: Media
}

export const storageKey = (id: MediaId, attempt: Attempt): StorageKey => `${id}.${attempt}` as StorageKey

/** Where mediaport serves a file, below its public address. */
export const contentPath = (id: MediaId): string => `/media/${id}/content/`

export function receive(intent: Intent, now: Date, leaseSeconds: number): Receiving {
  return { ...intent, state: 'receiving', createdAt: now, leaseExpiresAt: leaseFrom(now, leaseSeconds) }
}

export const leaseFrom = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * 1000)

/** receiving → stored, by the attempt that received the bytes and by no other. */
export function store(media: Media, attempt: Attempt, contents: Contents): Result<Transition<Stored>, FenceLost> {
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  const { leaseExpiresAt: _, ...intent } = media
  return ok({
    media: { ...intent, ...contents, state: 'stored', version: 1 },
    events: [{ type: 'media-stored', id: media.id }],
  })
}

/** receiving → abandoned, by the attempt that gives up. Done before: nothing changes. */
export function abandon(media: Media, attempt: Attempt): Result<Transition<Abandoned>, FenceLost> {
  if (media.state === 'abandoned' && media.attempt === attempt) return ok({ media, events: [] })
  if (!isReceivedBy(media, attempt)) return err({ type: 'fence-lost', media })
  const { leaseExpiresAt: _, ...intent } = media
  return ok({
    media: { ...intent, state: 'abandoned' },
    events: [{ type: 'media-abandoned', id: media.id, storage: media.storage, storageKey: media.storageKey }],
  })
}

const isReceivedBy = (media: Media, attempt: Attempt): media is Receiving =>
  media.state === 'receiving' && media.attempt === attempt
