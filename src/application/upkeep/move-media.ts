import { err, ok, type Result, ResultAsync, safeTry } from 'neverthrow'
import { type MediaId, storageKey } from '../../domain/media/ids.ts'
import { type FileRef, fileRef, type Media, type Stored } from '../../domain/media/media.ts'
import { leaseFrom, relocate, startCopy } from '../../domain/media/transitions.ts'
import { findStorage } from '../find-storage.ts'
import type { Policy } from '../policy.ts'
import type { FileStorage } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { Unavailable } from '../ports/unavailable.ts'
import { copyFile, type NotMoved } from './copy-file.ts'
import type { DiscardMedia } from './discard-media.ts'

export interface Moving {
  /** Names of storages. */
  readonly from: string
  readonly to: string
  /** Only counts what would be moved. */
  readonly isTrial?: boolean | undefined
  /** Told now and then how far it has come. */
  readonly onProgress?: (moved: Moved) => void
}

export interface Moved {
  readonly media: number
  readonly bytes: number
  /** They are where they were, and served from there. */
  readonly failures: readonly NotMoved[]
}

/**
 * Moves the bytes of all media that are in one storage to another, while they are read, changed and deleted. It can be
 * stopped at any moment and started again: what was moved stays moved, and a copy that was under way is put away. A file
 * that can't be moved keeps none of the others; it ends early only when a storage, or the database, does not answer at all.
 */
export type MoveMedia = (moving: Moving) => ResultAsync<Moved, Unavailable>

const PAGE = 100
const AT_ONCE = 4
/** How many leases a copy may take; nobody takes it for left behind before twice as many have passed. */
const COPY_LEASES = 10

export const moveMedia = (
  { media, storages, identity }: Pick<Ports, 'media' | 'storages' | 'identity'>,
  policy: Policy,
  discard: DiscardMedia,
): MoveMedia => {
  const seconds = COPY_LEASES * policy.leaseSeconds

  /** Nothing, where the media was deleted, or moved by somebody else, meanwhile. */
  async function moveOne(
    row: Stored,
    from: FileStorage,
    to: FileStorage,
  ): Promise<Result<Stored | NotMoved | undefined, Unavailable>> {
    const copy: FileRef = { id: row.id, storage: to.name, storageKey: storageKey(row.id, identity.newAttempt()) }
    let until = row.createdAt
    const begun = await media.update(row.id, (current, now) => {
      until = leaseFrom(now, seconds)
      return isStill(current, row) ? ok(startCopy(current, copy, 2 * seconds, policy)) : err(CHANGED)
    })
    if (begun.isErr()) return begun.error.type === 'unavailable' ? err(begun.error) : ok(undefined)

    const file = await copyFile(row, from, to, copy, seconds)
    const moved = await file.asyncAndThen(({ fileId, url }) =>
      // From `until` on others may be about to delete the copy.
      media.update(row.id, (current, now) =>
        isStill(current, row) && now < until ? ok(relocate(current, copy, { fileId, url }, policy)) : err(CHANGED),
      ),
    )
    // Nobody knows what became of this commit, but the job that was written with the copy will.
    if (file.isOk() && moved.isErr() && moved.error.type === 'unavailable') return err(moved.error)
    // The row says which of the two nobody needs.
    await discard({ ...copy, fileId: file.map(({ fileId }) => fileId).unwrapOr(undefined) })
    await discard(fileRef(row))
    if (moved.isOk()) return ok(moved.value)
    if (moved.error.type === 'unavailable') return err(moved.error)
    return ok('reason' in moved.error ? moved.error : undefined)
  }

  return ({ from, to, isTrial = false, onProgress }) =>
    safeTry(async function* () {
      const [source, target] = [yield* findStorage(storages, from), yield* findStorage(storages, to)]
      const failures: NotMoved[] = []
      let moved: Moved = { media: 0, bytes: 0, failures }
      let unanswered = 0
      if (source === target) return ok(moved)
      for (let after: MediaId | undefined; ; ) {
        const page = yield* media.scan(after, PAGE)
        const rows = page.filter((row) => row.state === 'stored' && row.storage === from) as Stored[]
        for (let at = 0; at < rows.length; at += AT_ONCE) {
          const batch = rows.slice(at, at + AT_ONCE)
          const moving = batch.map(async (row) => ({
            row,
            end: isTrial ? ok(row) : await moveOne(row, source, target),
          }))
          for (const { row, end } of yield* ResultAsync.fromSafePromise(Promise.all(moving))) {
            if (end.isErr()) {
              const { dependency, cause } = end.error
              // One file may be out of reach; of several in a row, it is the storage.
              if (dependency !== 'storage' || ++unanswered === AT_ONCE) return err(end.error)
              failures.push({ type: 'not-moved', id: row.id, reason: 'unavailable', cause })
            } else if (end.value) {
              unanswered = 0
              if ('reason' in end.value) failures.push(end.value)
              else moved = { media: moved.media + 1, bytes: moved.bytes + row.sizeBytes, failures }
            }
          }
          onProgress?.(moved)
        }
        after = page.at(-1)?.id
        if (after === undefined) return ok(moved)
      }
    })
}

const CHANGED = { type: 'changed' } as const

const isStill = (current: Media, row: Stored): current is Stored =>
  current.state === 'stored' && current.storageKey === row.storageKey
