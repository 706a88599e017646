import type { ResultAsync } from 'neverthrow'

/** The properties of a media item that the commands use, in the format of the API. */
export interface MediaItem {
  readonly id: string
  readonly filename: string
  readonly url: string
  readonly mime_type: string
  readonly size_bytes: number
  readonly created_at: string
  readonly title: string
  readonly tags: readonly string[]
}

/** A page of media items, newest first. */
export interface Page {
  readonly items: readonly MediaItem[]
  /** The cursor of the next page. `null` on the last page. */
  readonly next: string | null
}

/** An error with a text for people. */
export interface ClientError {
  /** The last part of the `type` of a problem (RFC 9457), or a code of the command line itself. */
  readonly code: string
  readonly message: string
}

export interface LocalFile {
  readonly path: string
  /** In bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

export interface UploadDetails {
  /** By default the file name without its extension. */
  readonly title?: string | undefined
  readonly tags: readonly string[]
  /** The idempotency key. Uploads that repeat it create one media item. */
  readonly key: string
}

/** The operations that the commands need, on a server or in this process. */
export interface Client {
  /** @param onProgress Called with the number of bytes sent so far. */
  upload(
    file: LocalFile,
    details: UploadDetails,
    onProgress: (sentBytes: number) => void,
  ): ResultAsync<MediaItem, ClientError>
  list(query: { limit: number; cursor?: string | undefined; tag?: string | undefined }): ResultAsync<Page, ClientError>
  get(id: string): ResultAsync<MediaItem, ClientError>
  content(id: string): ResultAsync<AsyncIterable<Uint8Array>, ClientError>
  close(): Promise<void>
}
