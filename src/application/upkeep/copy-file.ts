import { createHash } from 'node:crypto'
import { err, ok, safeTry } from 'neverthrow'
import type { MediaId } from '../../domain/media/ids.ts'
import type { FileRef, Stored } from '../../domain/media/media.ts'
import type { FileStorage, StoredFile } from '../ports/file-storage.ts'
import { type Unavailable, unavailable } from '../ports/unavailable.ts'

export interface NotMoved {
  readonly type: 'not-moved'
  readonly id: MediaId
  /**
   * `file-missing`: the source has no such file. `file-damaged`: it has other bytes than the upload. `storage-error` and
   * `insufficient-storage`: the target refused it. `too-slow`: the copy took too long. `unavailable`: a storage did not answer.
   */
  readonly reason:
    | 'file-missing'
    | 'file-damaged'
    | 'storage-error'
    | 'insufficient-storage'
    | 'too-slow'
    | 'unavailable'
  /** The error of the storage, if there was one. */
  readonly cause?: unknown
}

/** Copies a file to another storage and compares its size and digest with the row. */
export function copyFile(
  row: Stored,
  from: FileStorage,
  to: FileStorage,
  { storageKey: key }: FileRef,
  timeoutSeconds: number,
) {
  const notMoved = (reason: NotMoved['reason'], cause?: unknown) =>
    ({ type: 'not-moved', id: row.id, reason, ...(cause !== undefined && { cause }) }) as const
  return safeTry<StoredFile, ReturnType<typeof notMoved> | Unavailable>(async function* () {
    const body = yield* from
      .open(row.storageKey)
      .mapErr((error) => (error.type === 'unavailable' ? error : notMoved('file-missing')))
    const bytes = body[Symbol.asyncIterator]()
    const hash = createHash('sha256')
    const signal = AbortSignal.timeout(timeoutSeconds * 1000)
    const put = await to.put(key, hashed(bytes, hash), { contentType: row.mimeType, signal })
    // If `put` failed before reading, nothing has closed the source yet.
    await bytes.return?.()
    const file = yield* put.mapErr((error) => {
      if (error.type === 'unavailable') return error
      if (error.type !== 'interrupted') return notMoved(error.type, error.cause)
      return signal.aborted ? notMoved('too-slow') : unavailable('storage')(error.cause)
    })
    const isSame = file.size === row.sizeBytes && hash.digest('hex') === row.sha256
    return isSame ? ok(file) : err(notMoved('file-damaged'))
  })
}

async function* hashed(bytes: AsyncIterator<Uint8Array>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of { [Symbol.asyncIterator]: () => bytes }) {
    hash.update(chunk)
    yield chunk
  }
}
