import { ok, type ResultAsync, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import { expire } from '../../domain/media/transitions.ts'
import type { Policy } from '../policy.ts'
import type { Ports } from '../ports/index.ts'
import type { Due } from '../ports/media-repository.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from './discard-media.ts'

/**
 * One round of the reaper. Expires uploads whose lease has run out, repeats discards that have not succeeded, and forgets a
 * row once its file was discarded a second time, `forgetAfterSeconds` after the first. The second discard deletes what a
 * writer that was paused has written after the first. Any number of processes may call it at any time. Returns the number
 * of rows it has handled.
 */
export type ReapUploads = () => ResultAsync<number, Unavailable>

const PAGE_ROWS = 100

export const reapUploads = (
  { media }: Pick<Ports, 'media'>,
  { forgetAfterSeconds }: Policy,
  discardMedia: DiscardMedia,
): ReapUploads => {
  /** A row that fails is due again in the next round. It must not hold up the others. */
  const handle = async (row: Due): Promise<boolean> => {
    if (row.state === 'receiving') return (await media.update(row.id, expire)).isOk()
    const discarded = await discardMedia(row)
    if (discarded.isErr() || row.discardedAt === undefined) return discarded.isOk()
    return (await media.forget(row.id, row.attempt)).isOk()
  }

  return () =>
    safeTry(async function* () {
      let handled = 0
      for (let after: MediaId | undefined; ; ) {
        const due = yield* media.due(forgetAfterSeconds, after, PAGE_ROWS)
        for (const row of due) if (await handle(row)) handled++
        after = due.at(-1)?.id
        if (after === undefined) return ok(handled)
      }
    })
}
