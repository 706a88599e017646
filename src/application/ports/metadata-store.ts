import type { ResultAsync } from 'neverthrow'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import type { Unavailable } from './unavailable.ts'

/**
 * What files say of themselves: one document a media, which can be made again from the file at any time. Each belongs to
 * the attempt that stored the bytes, so that nothing which is said of earlier bytes passes for a word about these.
 * What every store owes is proved by the MetadataStore contract.
 */
export interface MetadataStore {
  /** Keeps the document in place of any other of this media: all of it or, on an error, perhaps, but never a part. */
  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable>

  /** The document, if it is about the bytes of this attempt. */
  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable>

  /** Takes the document out, if it is about the bytes of this attempt. One that is not there is no error. */
  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable>

  /** What there are documents about, by ascending id, those after `after` first; at most 1,000. An empty page is the end. */
  list(after?: MediaId): ResultAsync<readonly Described[], Unavailable>
}

export interface Described {
  readonly id: MediaId
  readonly attempt: Attempt
}

/** The store won't take this document, now or later. */
export interface DocumentRefused {
  readonly type: 'document-refused'
  readonly cause: unknown
}
