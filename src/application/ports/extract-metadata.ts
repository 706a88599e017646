import type { ResultAsync } from 'neverthrow'
import type { Metadata } from '../../domain/metadata.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import type { ByteRange } from './file-storage.ts'

/**
 * Reads what a file says of itself, and as little of the file as that takes. A file can't make it fail, only be told as
 * `failed`: whatever its bytes do, the answer comes within a fixed time and memory. Its only errors are those of `read`.
 */
export type ExtractMetadata = <E>(file: FileToRead<E>) => ResultAsync<Metadata, E>

export interface FileToRead<E> {
  /** What its first bytes say it is. */
  readonly contentType: ContentType
  /** Bytes, at least 1. */
  readonly size: number
  /** The bytes of a range that lies within the file. */
  readonly read: (range: ByteRange) => ResultAsync<Uint8Array, E>
}
