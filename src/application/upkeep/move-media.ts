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

export interface MoveOptions {
  /** The name of the storage that the files are in. */
  readonly from: string
  /** The name of the storage that they are moved to. */
  readonly to: string
  /** Counts the files and moves none. `false` by default. */
  readonly isTrial?: boolean | undefined
  /** Called from time to time with what has been moved. */
  readonly onProgress?: (moved: MoveResult) => void
}

export interface MoveResult {
  readonly media: number
  readonly bytes: number
  /** Media items whose file stays in its storage and is served from there. */
  readonly failures: readonly NotMoved[]
}

/**
 * Moves the files of one storage to another. Media items can be read, changed and deleted at the same time. It can be stopped
 * and repeated at any time: moved files stay moved, and an unfinished copy is discarded by its job. A file that cannot be
 * moved does not stop the others. It errs only if the database or a storage does not answer.
 */
export type MoveMedia = (options: MoveOptions) => ResultAsync<MoveResult, Unavailable>

const PAGE_ROWS = 100
const PARALLEL = 4
/** A copy may take so many leases. Its job discards it after twice as many. */
const COPY_LEASES = 10

export const moveMedia = (
  { media, storages, identity }: Pick<Ports, 'media' | 'storages' | 'identity'>,
  policy: Policy,
  discard: DiscardMedia,
): MoveMedia => {
  const copySeconds = COPY_LEASES * policy.leaseSeconds

  /** Returns `undefined` if the media item was deleted or moved by another process in between. */
  async function moveOne(
    row: Stored,
    from: FileStorage,
    to: FileStorage,
  ): Promise<Result<Stored | NotMoved | undefined, Unavailable>> {
    const copy: FileRef = { id: row.id, storage: to.name, storageKey: storageKey(row.id, identity.newAttempt()) }
    let until = row.createdAt
    const started = await media.update(row.id, (current, now) => {
      until = leaseFrom(now, copySeconds)
      return isSame(current, row) ? ok(startCopy(current, copy, 2 * copySeconds, policy)) : err(CHANGED)
    })
    if (started.isErr()) return started.error.type === 'unavailable' ? err(started.error) : ok(undefined)

    const file = await copyFile(row, from, to, copy, copySeconds)
    const moved = await file.asyncAndThen(({ fileId, url }) =>
      // After `until` a job may be about to discard the copy.
      media.update(row.id, (current, now) =>
        isSame(current, row) && now < until ? ok(relocate(current, copy, { fileId, url }, policy)) : err(CHANGED),
      ),
    )
    // The outcome of this commit is unknown. The job that was added with the copy discards the file that is not needed.
    if (file.isOk() && moved.isErr() && moved.error.type === 'unavailable') return err(moved.error)
    // `discard` reads the row and deletes the one that it does not need.
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
      let moved: MoveResult = { media: 0, bytes: 0, failures }
      let unanswered = 0
      if (source === target) return ok(moved)
      for (let after: MediaId | undefined; ; ) {
        const page = yield* media.scan(after, PAGE_ROWS)
        const rows = page.filter((row) => row.state === 'stored' && row.storage === from) as Stored[]
        for (let at = 0; at < rows.length; at += PARALLEL) {
          const batch = rows.slice(at, at + PARALLEL)
          const moving = batch.map(async (row) => ({
            row,
            end: isTrial ? ok(row) : await moveOne(row, source, target),
          }))
          for (const { row, end } of yield* ResultAsync.fromSafePromise(Promise.all(moving))) {
            if (end.isErr()) {
              const { dependency, cause } = end.error
              // If several files in a row fail, the storage does not answer.
              if (dependency !== 'storage' || ++unanswered === PARALLEL) return err(end.error)
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

const isSame = (current: Media, row: Stored): current is Stored =>
  current.state === 'stored' && current.storageKey === row.storageKey
