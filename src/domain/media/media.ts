import type { ContentType } from '../values/content-type.ts'
import type { Sha256 } from '../values/digest.ts'
import type { FileName } from '../values/file-name.ts'
import type { Tag } from '../values/tag.ts'
import type { Title } from '../values/title.ts'
import type { Attempt, MediaId, StorageKey } from './ids.ts'

/** What is known before the first byte reaches a storage. */
export interface Intent {
  readonly id: MediaId
  readonly owner: string
  readonly attempt: Attempt
  /** The name of the storage that receives the bytes. */
  readonly storage: string
  readonly storageKey: StorageKey
  readonly filename: FileName
  readonly mimeType: ContentType
}

/** An upload in progress. Only the attempt that holds the lease may change it until `leaseExpiresAt`. */
export interface Receiving extends Intent {
  readonly state: 'receiving'
  readonly createdAt: Date
  readonly leaseExpiresAt: Date
}

/** What is known once all bytes are stored. */
export interface Contents {
  /** The storage's own identifier of the file. */
  readonly fileId: string
  /** The storage's own public address of the file. `undefined` if the storage serves no files. */
  readonly url: string | undefined
  readonly sizeBytes: number
  readonly sha256: Sha256
  readonly title: Title
  readonly tags: readonly Tag[]
  /** The digest of the first upload (bytes, name, title and tags). It tells a repeated upload from a different one. */
  readonly fingerprint: Sha256
}

/** A media item that can be read. */
export interface Stored extends Intent, Contents {
  readonly state: 'stored'
  readonly createdAt: Date
  /** Starts at 1. Each change of title, tags or storage adds 1, and so does deletion. */
  readonly version: number
}

/**
 * Abandoned or deleted. `storageKey` can never be committed again, so its bytes are safe to delete. The row is kept until
 * they have been deleted twice.
 */
interface Discardable extends Intent {
  readonly createdAt: Date
  readonly version: number
  /** When the bytes were first deleted from the storage. */
  readonly discardedAt: Date | undefined
}

/** An upload that failed. Nobody has ever been able to read it. */
export interface Abandoned extends Discardable {
  readonly state: 'abandoned'
}

/** A media item that was stored once. */
export interface Deleted extends Discardable {
  readonly state: 'deleted'
}

/** The row of a media item, in any state. docs/life.md shows the states and what leads from one to another. */
export type Media = Receiving | Stored | Abandoned | Deleted

/** Identifies the bytes of one attempt in one storage. */
export interface FileRef {
  readonly id: MediaId
  readonly storage: string
  readonly storageKey: StorageKey
  /** The storage's own identifier of the file, if it is known. */
  readonly fileId?: string | undefined
}

export const fileRef = ({ id, storage, storageKey, fileId }: FileRef): FileRef => ({
  id,
  storage,
  storageKey,
  ...(fileId !== undefined && { fileId }),
})

export const isDiscardable = (media: Media): media is Abandoned | Deleted =>
  media.state === 'abandoned' || media.state === 'deleted'

/** Whether the bytes at `key` are, or may yet become, the bytes of this media item. */
export const needsFile = (media: Media, key: StorageKey): boolean => !isDiscardable(media) && media.storageKey === key
