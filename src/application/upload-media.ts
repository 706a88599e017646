import { createHash } from 'node:crypto'
import { err, ok, type Result, ResultAsync, safeTry } from 'neverthrow'
import { acceptType, type ExtensionMismatch, type UnsupportedFileType } from '../domain/content-type.ts'
import { parseSha256, type Sha256 } from '../domain/digest.ts'
import { type MissingFile, parseFileName } from '../domain/file-name.ts'
import {
  abandon,
  type Contents,
  contentPath,
  type Intent,
  type Receiving,
  type Stored,
  storageKey,
  store,
} from '../domain/media.ts'
import { titleFromName } from '../domain/title.ts'
import { type Details, type InvalidDetails, parseDetails } from './details.ts'
import { type BodyFailure, type EmptyFile, IncomingBody } from './incoming-body.ts'
import { keepLease } from './keep-lease.ts'
import type { Ports } from './mediaport.ts'
import type { Policy } from './policy.ts'
import type { InsufficientStorage, StorageRefused, StoredFile } from './ports/file-storage.ts'
import type { AlreadyThere } from './ports/media-repository.ts'
import { type Unavailable, unavailable } from './ports/unavailable.ts'

export interface Upload<E = never> {
  /** Read once, as fast as the storage takes it. It is told to stop (`return`) when the upload ends early. */
  readonly body: AsyncIterable<Uint8Array>
  /** As the sender calls it; a path is reduced to its last part. */
  readonly filename: string
  /** What is said about the file; as a `ResultAsync` where that is known only after the bytes. Its error is passed on. */
  readonly details?: Details | ResultAsync<Details, E>
  /** Whose it is; `anonymous` by default. */
  readonly owner?: string
}

export interface DigestMismatch {
  readonly type: 'digest-mismatch'
  /** What the bytes that came hash to. */
  readonly actual: Sha256
}

/** The commit was sent and nobody could say what became of it. The row knows: look, or send the file again. */
export interface OutcomeUnknown {
  readonly type: 'outcome-unknown'
}

export type UploadError =
  | MissingFile
  | EmptyFile
  | UnsupportedFileType
  | ExtensionMismatch
  | InvalidDetails
  | DigestMismatch
  | BodyFailure
  | StorageRefused
  | InsufficientStorage
  | Unavailable
  | OutcomeUnknown

export type UploadMedia = <E = never>(upload: Upload<E>) => ResultAsync<Stored, UploadError | E>

/**
 * Takes a file in. Success means: its bytes are in the storage, its row is committed, and both survive a power cut.
 * An error means that nothing is visible, then or later. The row comes before the bytes, so a crash leaves a row to
 * put away, never bytes that no row knows.
 * @param ending aborted when uploads are to be given up because the process ends.
 */
export const uploadMedia = (ports: Ports, policy: Policy, ending: AbortSignal): UploadMedia => {
  const { media, sniff, identity } = ports
  const [storage] = ports.storages

  return (upload) => {
    const body = new IncomingBody(upload.body, policy.maxFileSize)
    const end = () => body.fail({ type: 'shutting-down' })
    if (ending.aborted) end()
    ending.addEventListener('abort', end)
    const done = Promise.resolve(live(upload, body)).finally(() => {
      ending.removeEventListener('abort', end)
      body.stop()
    })
    return new ResultAsync(done)
  }

  function live<E>(upload: Upload<E>, body: IncomingBody): ResultAsync<Stored, UploadError | E> {
    return safeTry(async function* () {
      const intent = yield* look(upload, body)
      const receiving = yield* media.add(intent, policy.leaseSeconds).mapErr(idTaken)
      const stopRenewing = keepLease(media, receiving, body, policy)
      const contents = await receiveBytes(receiving, upload, body)
      const outcome = contents.isOk()
        ? await commit(receiving, contents.value)
        : await giveUp<E>(receiving, contents.error)
      stopRenewing()
      return outcome
    })
  }

  /** Refuses junk while there is nothing to clean up yet: no row, no file. */
  function look({ filename: raw, owner = 'anonymous' }: Upload<unknown>, body: IncomingBody) {
    return safeTry<Intent, UploadError>(async function* () {
      const filename = yield* parseFileName(raw)
      const found = await sniff(yield* await body.readHead())
      const mimeType = yield* acceptType(found, filename, policy.allowedTypes)
      const id = identity.newId()
      const attempt = identity.newAttempt()
      const key = storageKey(id, attempt)
      return ok({ id, owner, attempt, storage: storage.name, storageKey: key, filename, mimeType })
    })
  }

  function receiveBytes<E>({ id, storageKey, filename, mimeType }: Receiving, upload: Upload<E>, body: IncomingBody) {
    return safeTry<Contents, UploadError | E>(async function* () {
      const hints = { contentType: mimeType, signal: body.signal }
      const put = await storage.put(storageKey, body.bytes(), hints)
      if (body.failure) return err(body.failure)
      const file = yield* put.mapErr((error) =>
        error.type === 'interrupted' ? ({ type: 'body-failed', cause: error.cause } as const) : error,
      )
      yield* wholeFile(file, body)

      body.waitingFor = 'sender'
      const details = yield* await Promise.race([settled(upload.details), body.failed.then((failure) => err(failure))])
      const { title, tags, sha256: expected } = yield* parseDetails(details)
      const sha256 = body.digest()
      if (expected !== undefined && expected !== sha256)
        return err({ type: 'digest-mismatch', actual: sha256 } as const)
      return ok({
        fileId: file.fileId,
        url: file.url ?? contentPath(id),
        sizeBytes: file.size,
        sha256,
        title: title ?? titleFromName(filename),
        tags,
        fingerprint: fingerprint(sha256, filename, title ?? null, tags),
      })
    })
  }

  function commit(receiving: Receiving, contents: Contents): ResultAsync<Stored, UploadError> {
    return media
      .update(receiving.id, (current) => store(current, receiving.attempt, contents))
      .orElse((cause) => giveUp(receiving, unavailable('database')(cause), { type: 'outcome-unknown' }))
  }

  /**
   * The one way out of an upload that has a row, and the row decides: only once it says that this attempt can never be
   * committed are the bytes deleted; if it says that the attempt was committed after all, the upload has succeeded.
   * @param unanswered the error when the row can't be asked; whoever reaps it later decides.
   */
  function giveUp<E = never>(
    { id, attempt, storageKey }: Receiving,
    error: UploadError | E,
    unanswered: UploadError | E = error,
  ): ResultAsync<Stored, UploadError | E> {
    const decide = async (): Promise<Result<Stored, UploadError | E>> => {
      const given = await media.update(id, (current) => abandon(current, attempt))
      if (given.isErr() && given.error.type === 'unavailable') return err(unanswered)
      if (given.isErr() && given.error.type === 'fence-lost') {
        const { media: current } = given.error
        if (current.state === 'stored' && current.attempt === attempt) return ok(current)
      }
      await storage.delete(storageKey)
      return err(error)
    }
    return new ResultAsync(decide())
  }
}

const settled = async <E>(details: Upload<E>['details'] = {}): Promise<Result<Details, E>> =>
  details instanceof ResultAsync ? await details : ok(details)

/** Identifiers are random, so this is a fault of whoever makes them. */
const idTaken = (error: AlreadyThere | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)

function wholeFile(file: StoredFile, { size, isComplete }: IncomingBody): Result<StoredFile, StorageRefused> {
  if (isComplete && file.size === size) return ok(file)
  return err({ type: 'storage-error', cause: new Error(`the storage kept ${file.size} of ${size} bytes or more`) })
}

const fingerprint = (...sent: unknown[]): Sha256 =>
  parseSha256(createHash('sha256').update(JSON.stringify(sent)).digest('hex'))._unsafeUnwrap()
