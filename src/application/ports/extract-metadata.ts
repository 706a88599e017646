import type { ResultAsync } from 'neverthrow'
import type { Metadata } from '../../domain/metadata.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import type { ByteRange } from './file-storage.ts'

/**
 * Reads the technical metadata of a file, and no more of the file than it needs. Whatever the bytes are, it returns within a
 * fixed time and memory; a file that cannot be read has the status `failed`. The only errors are those of `read`.
 */
export type ExtractMetadata = <E>(file: FileToRead<E>) => ResultAsync<Metadata, E>

export interface FileToRead<E> {
  /** The type that was recognised by the first bytes. */
  readonly contentType: ContentType
  /** In bytes, at least 1. */
  readonly size: number
  /** Returns the bytes of a range that lies within the file. */
  readonly read: (range: ByteRange) => ResultAsync<Uint8Array, E>
}
