import { err, ok, type ResultAsync, safeTry } from 'neverthrow'
import { type FileRef, needsFile } from '../../domain/media/media.ts'
import { markDiscarded } from '../../domain/media/transitions.ts'
import { findStorage } from '../find-storage.ts'
import { findRow } from '../library/get-media.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'

export type DiscardMedia = (leftover: FileRef) => ResultAsync<void, Unavailable>

/**
 * The one place where bytes are deleted, and what was read from them. It asks the row first, and deletes unless the row
 * may still show these very bytes to somebody. Keys are never used again, so it can't hit anything else, and may run as often as it likes.
 */
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
      // Last, so that a cache or a store that does not answer keeps no bytes from being known as gone.
      if (!row || row.state === 'deleted') yield* titles.remove(id, row?.version ?? Number.MAX_SAFE_INTEGER)
      if (row?.state === 'deleted') yield* metadata.remove(id, row.attempt)
      return ok()
    })
