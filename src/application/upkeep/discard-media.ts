import { err, ok, type ResultAsync, safeTry } from 'neverthrow'
import { type FileRef, needsFile } from '../../domain/media/media.ts'
import { markDiscarded } from '../../domain/media/transitions.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'

/**
 * Deletes the bytes of a file, and the projections of a deleted media item. No other code deletes bytes. It reads the row
 * first and does nothing if the row needs this file. A storage key is never used twice, so it can run any number of times.
 */
export type DiscardMedia = (file: FileRef) => ResultAsync<void, Unavailable>

export const discardMedia =
  ({ media, storages, metadata, titles }: Pick<Ports, 'media' | 'storages' | 'metadata' | 'titles'>): DiscardMedia =>
  ({ id, storage: name, storageKey, fileId }) =>
    safeTry(async function* () {
      const row = yield* findRow(media, id)
      if (row && needsFile(row, storageKey)) return ok()
      const storage = yield* findStorage(storages, name)
      yield* storage.delete(storageKey, fileId)
      const marked = await media.update(id, (current, now) => markDiscarded(current, storageKey, now))
      if (marked.isErr() && marked.error.type === 'unavailable') return err(marked.error)
      // Last, so that the row records the deletion even if a projection does not answer.
      if (!row || row.state === 'deleted') yield* titles.remove(id, row?.version ?? Number.MAX_SAFE_INTEGER)
      if (row?.state === 'deleted') yield* metadata.remove(id, row.attempt)
      return ok()
    })
