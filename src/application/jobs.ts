import type { MediaEvent } from '../domain/media/events.ts'
import type { Attempt, MediaId } from '../domain/media/ids.ts'
import { type FileRef, fileRef } from '../domain/media/media.ts'

/** Work that follows from a change of a media item. Any process may do it, at any later time, more than once. */
export type Job = { readonly afterSeconds: number } & (
  | (FileRef & { readonly name: 'discard-media' })
  | { readonly name: 'describe-media'; readonly id: MediaId; readonly attempt: Attempt }
  | { readonly name: 'cache-title'; readonly id: MediaId }
)

export const JOB_NAMES = ['discard-media', 'describe-media', 'cache-title'] as const satisfies readonly Job['name'][]

/**
 * The jobs that follow from an event. Jobs are level-triggered: they read the row when they run. So it does no harm if they
 * run twice, late, or in another order.
 */
export function jobsOf(event: MediaEvent): readonly Job[] {
  switch (event.type) {
    case 'media-stored':
      return [{ name: 'describe-media', id: event.id, attempt: event.attempt, afterSeconds: 0 }, cacheTitle(event)]
    case 'media-changed':
      return [cacheTitle(event)]
    case 'media-abandoned':
      return [discard(event, 0)]
    case 'media-deleted':
      return [discard(event, 0), cacheTitle(event)]
    case 'attempt-replaced':
    case 'attempt-late':
      // The row has another key now, so only a second job finds what a late writer leaves at this one.
      return [discard(event, 0), discard(event, event.writableSeconds)]
    case 'copy-started':
      return [discard(event, event.decidedSeconds), discard(event, event.decidedSeconds + event.writableSeconds)]
  }
}

const cacheTitle = ({ id }: MediaEvent): Job => ({ name: 'cache-title', id, afterSeconds: 0 })

const discard = (file: FileRef, afterSeconds: number): Job => ({
  name: 'discard-media',
  ...fileRef(file),
  afterSeconds,
})
