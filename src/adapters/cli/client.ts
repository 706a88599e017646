import type { ResultAsync } from 'neverthrow'

/** A media as the API shows it. */
export interface MediaView {
  readonly id: string
  readonly filename: string
  readonly url: string
  readonly mime_type: string
  readonly size_bytes: number
  readonly created_at: string
  readonly title: string
  readonly tags: readonly string[]
}

export interface PageView {
  readonly items: readonly MediaView[]
  readonly next: string | null
}

/** An error as people are told it; `code` is the last part of a problem's `type`. */
export interface Failure {
  readonly code: string
  readonly message: string
}

export interface LocalFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

export interface About {
  readonly title?: string | undefined
  readonly tags: readonly string[]
  /** The Idempotency-Key. */
  readonly key: string
}

/** What the commands work with: a server somewhere, or the use cases in this process. */
export interface Client {
  /** @param onProgress is given the bytes sent so far. */
  upload(file: LocalFile, about: About, onProgress: (sent: number) => void): ResultAsync<MediaView, Failure>
  list(query: { limit: number; cursor?: string | undefined; tag?: string | undefined }): ResultAsync<PageView, Failure>
  get(id: string): ResultAsync<MediaView, Failure>
  content(id: string): ResultAsync<AsyncIterable<Uint8Array>, Failure>
  close(): Promise<void>
}
