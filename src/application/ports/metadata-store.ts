import type { ResultAsync } from 'neverthrow'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'
import type { Unavailable } from './unavailable.ts'

/**
 * Keeps the technical metadata of files: one document per media item, which can be made again from the file. A document
 * belongs to the attempt that stored the bytes, so it is never taken for metadata of other bytes.
 */
export interface MetadataStore {
  /** Replaces the document of this media item. After an error the old or the new document is there, never a part. */
  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, DocumentRefused | Unavailable>

  /** Returns the document, if it belongs to this attempt. */
  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, Unavailable>

  /** Removes the document, if it belongs to this attempt. Succeeds if there is none. */
  remove(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable>

  /** Returns a page of at most 1,000 documents by ascending id, starting after `after`. An empty page is the end. */
  list(after?: MediaId): ResultAsync<readonly DescribedFile[], Unavailable>

  /** Whether the store answers now. Never rejects. Absent if the store has no server of its own. */
  isUp?(): Promise<boolean>
}

export interface DescribedFile {
  readonly id: MediaId
  readonly attempt: Attempt
}

/** The store refuses this document and will refuse it again. */
export interface DocumentRefused {
  readonly type: 'document-refused'
  readonly cause: unknown
}
