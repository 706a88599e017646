import type { MediaEvent } from '../domain/media/events.ts'
import type { Attempt, MediaId } from '../domain/media/ids.ts'
import { type FileRef, fileRef } from '../domain/media/media.ts'

/** Work that follows from what happened to a media, done once or more often, some time later, by any process. */
export type Job =
  | (FileRef & {
      readonly name: 'discard-media'
      /** Wait so long before it, in seconds. */
      readonly after: number
    })
  | { readonly name: 'describe-media'; readonly id: MediaId; readonly attempt: Attempt; readonly after: number }
  | { readonly name: 'cache-title'; readonly id: MediaId; readonly after: number }

export const JOB_NAMES = ['discard-media', 'describe-media', 'cache-title'] as const satisfies readonly Job['name'][]

/**
 * Which event causes which jobs. Jobs are level-triggered: they look at the row when they run, so that repeats, delays and
 * another order do no harm.
 * @param forgetAfterSeconds when a writer that was paused may be taken to have written all that it ever will.
 */
export function jobsOf(event: MediaEvent, forgetAfterSeconds: number): readonly Job[] {
  switch (event.type) {
    case 'media-stored':
      return [{ name: 'describe-media', id: event.id, attempt: event.attempt, after: 0 }, cacheTitle(event)]
    case 'media-changed':
      return [cacheTitle(event)]
    case 'media-abandoned':
      return [discard(event, 0)]
    case 'media-deleted':
      return [discard(event, 0), cacheTitle(event)]
    case 'attempt-replaced':
    case 'attempt-late':
      // No row would make anybody look again for what a late writer leaves under this key.
      return [discard(event, 0), discard(event, forgetAfterSeconds)]
    case 'copy-started':
      return [discard(event, event.seconds), discard(event, event.seconds + forgetAfterSeconds)]
  }
}

const cacheTitle = ({ id }: MediaEvent): Job => ({ name: 'cache-title', id, after: 0 })

const discard = (bytes: FileRef, after: number): Job => ({ name: 'discard-media', ...fileRef(bytes), after })
