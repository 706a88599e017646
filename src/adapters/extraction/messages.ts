import type { Metadata } from '../../domain/metadata.ts'

/** What the parent sends: a file to describe, and then the bytes that were asked for. */
export type ToChild =
  | { readonly type: 'describe'; readonly contentType: string; readonly size: number }
  | { readonly type: 'bytes'; readonly start: number; readonly bytes: Uint8Array }

/** What the child sends: that it can begin, what it needs, and what it found. Both positions inclusive, from 0. */
export type ToParent =
  | { readonly type: 'ready' }
  | { readonly type: 'read'; readonly start: number; readonly end: number }
  | { readonly type: 'described'; readonly metadata: Metadata }
