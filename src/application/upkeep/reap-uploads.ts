import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import { expire } from '../../domain/media/transitions.ts'
import type { Policy } from '../policy.ts'
import type { Ports } from '../ports/index.ts'
import type { Due } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from './discard-media.ts'

/** One round over all that is due; answers with how many rows it moved on. */
export type ReapUploads = () => ResultAsync<number, Unavailable>

const PAGE = 100

/**
 * Moves on what only time can: puts away uploads whose lease has run out, repeats discards that were never known to
 * succeed, and forgets a row once its bytes were discarded a second time, long after the first. The second time catches
 * what a writer that had been paused still wrote after the first.
 */
export const reapUploads = (
  { media }: Pick<Ports, 'media'>,
  { forgetAfterSeconds }: Policy,
  discardMedia: DiscardMedia,
): ReapUploads => {
  /** What fails is due again in the next round, and must not keep the others waiting. */
  const moveOn = async (row: Due): Promise<boolean> => {
    if (row.state === 'receiving') return (await media.update(row.id, expire)).isOk()
    const discarded = await discardMedia(row)
    if (discarded.isErr() || row.discardedAt === undefined) return discarded.isOk()
    return (await media.forget(row.id, row.attempt)).isOk()
  }

  return () =>
    safeTry(async function* () {
      let moved = 0
      for (let after: MediaId | undefined; ; ) {
        const due = yield* media.due(forgetAfterSeconds, after, PAGE)
        for (const row of due) if (await moveOn(row)) moved++
        after = due.at(-1)?.id
        if (after === undefined) return ok(moved)
      }
    })
}
