import type { Metadata } from '../../domain/metadata.ts'

/**
 * What the parent sends: a file with its first block, then the bytes that the child requests. Files have numbers,
 * because the child may finish a file before the last requested bytes arrive. It ignores bytes of any file but the
 * current one.
 */
export type MessageToChild =
  | {
      readonly type: 'describe'
      readonly file: number
      readonly contentType: string
      readonly size: number
      readonly first: Uint8Array
    }
  | { readonly type: 'bytes'; readonly file: number; readonly start: number; readonly bytes: Uint8Array }

/**
 * What the child sends: that it is ready, which bytes it needs, and the metadata. Both positions of a range are
 * inclusive and start at 0.
 */
export type MessageToParent =
  | { readonly type: 'ready' }
  | { readonly type: 'read'; readonly file: number; readonly start: number; readonly end: number }
  | { readonly type: 'described'; readonly file: number; readonly metadata: Metadata }
