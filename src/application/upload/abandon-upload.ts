import { err, ok, type Result, ResultAsync } from 'neverthrow'
import type { FileRef, Receiving, Stored } from '../../domain/media/media.ts'
import { abandon, type FenceLost, reportLateFile } from '../../domain/media/transitions.ts'
import type { Policy } from '../policy.ts'
import type { AlreadyThere, MediaRepository, NotFound } from '../ports/media-repository.ts'
import { type Unavailable, unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from '../upkeep/discard-media.ts'
import type { UploadError } from './errors.ts'

/**
 * Ends an upload that has a row and failed with `error`. The row decides: the bytes are deleted only once it says that this
 * attempt can never be committed. If it says that the attempt was committed, the upload has succeeded.
 *
 * @param unanswered The error if the row cannot be read. The reaper ends the upload later.
 */
export type AbandonUpload = <E = never>(
  row: Receiving,
  file: FileRef,
  error: UploadError | E,
  unanswered?: UploadError | E,
) => ResultAsync<Stored, UploadError | E>

export const abandonUpload = (media: MediaRepository, policy: Policy, discard: DiscardMedia): AbandonUpload => {
  return (row, file, error, unanswered = error) => new ResultAsync(decide(row, file, error, unanswered))

  async function decide<E>(row: Receiving, file: FileRef, error: E, unanswered: E): Promise<Result<Stored, E>> {
    const { id, attempt } = row
    const abandoned = await media.update(id, (current) => abandon(current, attempt))
    if (abandoned.isErr() && abandoned.error.type === 'unavailable') return err(unanswered)
    if (abandoned.isErr() && abandoned.error.type === 'fence-lost') {
      const { media: current } = abandoned.error
      if (current.state === 'stored' && current.attempt === attempt) return ok(current)
    }
    if (abandoned.isErr()) await reportLate(row, file)
    await discard(file)
    return err(error)
  }

  /**
   * Another process has abandoned this attempt, so its bytes may have been written after that process deleted them. If the
   * row does not exist any more, it is added again, and the reaper ends it like any upload whose lease expires.
   */
  async function reportLate(row: Receiving, file: FileRef): Promise<void> {
    const reported = await media.update(row.id, (current) => ok(reportLateFile(current, file, policy)))
    if (reported.isErr() && reported.error.type === 'not-found') await media.add(row, policy.leaseSeconds)
  }
}

type RowError = AlreadyThere | NotFound | FenceLost | Unavailable

/**
 * Ids are random, so one that exists is a bug of the identity port. A row that is gone, or that another process has
 * abandoned, is like a failed service: the same upload may succeed the next time.
 */
export const toUnavailable = (error: RowError): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(causeOf(error))

/** The cause for the log. It says nothing about the media item. */
export const causeOf = (error: RowError): unknown =>
  error.type === 'unavailable' ? error.cause : new Error(`The row of the upload: ${error.type}.`)
