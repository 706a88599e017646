import type { Attempt, MediaId } from './ids.ts'
import type { FileRef } from './media.ts'

/** What a transition tells the rest of the system. The repository hands it to the outbox in the same transaction. */
export type MediaEvent =
  | { readonly type: 'media-stored'; readonly id: MediaId; readonly attempt: Attempt }
  | { readonly type: 'media-changed'; readonly id: MediaId }
  /** The bytes of this file are not needed any more. */
  | (FileRef & { readonly type: 'media-abandoned' | 'media-deleted' })
  /** The same, but a writer that was paused may still write them for `writableSeconds`. */
  | (FileRef & { readonly type: 'attempt-replaced' | 'attempt-late'; readonly writableSeconds: number })
  /** A copy that becomes the bytes of the media item within `decidedSeconds`, or never. */
  | (FileRef & {
      readonly type: 'copy-started'
      readonly decidedSeconds: number
      readonly writableSeconds: number
    })
