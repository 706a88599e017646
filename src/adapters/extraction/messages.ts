import type { Metadata } from '../../domain/metadata.ts'

/**
 * What the parent sends: a file to describe with its first block, and then the bytes that were asked for. Files are numbered, because a reader
 * may have asked for more than it then waited for.
 */
export type ToChild =
  | {
      readonly type: 'describe'
      readonly file: number
      readonly contentType: string
      readonly size: number
      readonly first: Uint8Array
    }
  | { readonly type: 'bytes'; readonly file: number; readonly start: number; readonly bytes: Uint8Array }

/** What the child sends: that it can begin, what it needs, and what it found. Both positions inclusive, from 0. */
export type ToParent =
  | { readonly type: 'ready' }
  | { readonly type: 'read'; readonly file: number; readonly start: number; readonly end: number }
  | { readonly type: 'described'; readonly file: number; readonly metadata: Metadata }
