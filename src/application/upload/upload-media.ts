import { createHash } from 'node:crypto'
import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow'
import { storageKey } from '../../domain/media/ids.ts'
import {
  type Contents,
  type FileRef,
  fileRef,
  type Intent,
  type Receiving,
  type Stored,
} from '../../domain/media/media.ts'
import {
  abandon,
  contentPath,
  type FenceLost,
  receiveAgain,
  reportLateFile,
  store,
} from '../../domain/media/transitions.ts'
import { acceptType } from '../../domain/values/content-type.ts'
import { parseSha256, type Sha256 } from '../../domain/values/digest.ts'
import { type FileName, parseFileName } from '../../domain/values/file-name.ts'
import { parseIdempotencyKey } from '../../domain/values/idempotency-key.ts'
import { titleFromName } from '../../domain/values/title.ts'
import type { Policy } from '../policy.ts'
import type { StorageRefused, StoredFile } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import type { AlreadyThere, NotFound } from '../ports/media-repository.ts'
import { type Unavailable, unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from '../upkeep/discard-media.ts'
import { type Details, parseDetails } from './details.ts'
import type { Upload, UploadError, Uploaded } from './errors.ts'
import { idOfKey } from './id-of-key.ts'
import { type BodyFailure, IncomingBody } from './incoming-body.ts'
import { keepLease } from './lease.ts'

export type UploadMedia = <E = never>(upload: Upload<E>) => ResultAsync<Uploaded, UploadError | E>

/**
 * Takes a file in. Success means: its bytes are in the storage and its row is committed, each as durable as its adapter
 * makes it; the filesystem and a PostgreSQL server survive a power cut, the embedded database a killed process.
 * An error means that nothing is visible, then or later. The row comes before the bytes, so a crash leaves a row to
 * put away, never bytes that no row knows.
 * @param ending aborted when uploads are to be given up because the process ends.
 */
export const uploadMedia = (ports: Ports, policy: Policy, discard: DiscardMedia, ending: AbortSignal): UploadMedia => {
  const { media, sniff, identity } = ports
  const [storage] = ports.storages

  return (upload) => {
    const body = new IncomingBody(upload.body, policy.maxFileSize)
    const end = () => body.fail({ type: 'shutting-down' })
    if (ending.aborted) end()
    ending.addEventListener('abort', end)
    const done = live(upload, body).finally(() => {
      ending.removeEventListener('abort', end)
      body.stop()
    })
    return new ResultAsync(done)
  }

  async function live<E>(upload: Upload<E>, body: IncomingBody): Promise<Result<Uploaded, UploadError | E>> {
    const intent = await look(upload, body)
    if (intent.isErr()) return err(intent.error)
    const begun = await begin(intent.value, upload.key)
    if (begun.isErr()) return err(begun.error)
    const row = begun.value
    if (row.state === 'stored') return replay(row, intent.value.filename, upload, body)

    const stopRenewing = keepLease(media, row, body, policy)
    const file = await put(row, body, upload.ownsChunks)
    const bytes = { ...fileRef(row), fileId: file.isOk() ? file.value.fileId : undefined }
    const contents = file.isOk() ? await contentsOf(row, file.value, upload, body) : err(file.error)
    const outcome = contents.isOk()
      ? await commit(row, bytes, contents.value)
      : await giveUp<E>(row, bytes, contents.error)
    stopRenewing()
    return outcome.map((stored) => ({ ...stored, replayed: false }))
  }

  /** Refuses junk while there is nothing to clean up yet: no row, no file. */
  async function look(
    { filename: raw, owner = 'anonymous', key }: Upload<unknown>,
    body: IncomingBody,
  ): Promise<Result<Intent, UploadError>> {
    const id = key === undefined ? ok(identity.newId()) : parseIdempotencyKey(key).map((known) => idOfKey(owner, known))
    if (id.isErr()) return err(id.error)
    const filename = parseFileName(raw)
    if (filename.isErr()) return err(filename.error)
    const head = await body.readHead()
    if (head.isErr()) return err(head.error)
    const found = await sniff(head.value)
    return acceptType(found, filename.value, policy.allowedTypes).map((mimeType) => {
      const attempt = identity.newAttempt()
      const bytesAt = storageKey(id.value, attempt)
      return {
        id: id.value,
        owner,
        attempt,
        storage: storage.name,
        storageKey: bytesAt,
        filename: filename.value,
        mimeType,
      }
    })
  }

  /** The row of this attempt; or, as the row is the record of its key too, the one that an earlier upload left. */
  function begin(intent: Intent, key: string | undefined): ResultAsync<Receiving | Stored, UploadError> {
    return media.add(intent, policy.leaseSeconds).orElse((error) => {
      if (error.type === 'unavailable' || key === undefined) return errAsync(toUnavailable(error))
      return media
        .update<Receiving | Stored, FenceLost>(intent.id, (row, now) =>
          receiveAgain(row, intent, now, policy.leaseSeconds),
        )
        .orElse((lost) => {
          if (lost.type !== 'fence-lost') return errAsync(toUnavailable(lost))
          if (lost.media.state === 'stored') return okAsync(lost.media)
          return errAsync({
            type: lost.media.state === 'deleted' ? 'media-deleted' : 'idempotency-in-progress',
          } as const)
        })
    })
  }

  async function put(row: Receiving, body: IncomingBody, ownsChunks = false): Promise<Result<StoredFile, UploadError>> {
    const hints = { contentType: row.mimeType, signal: body.signal, ownsChunks }
    const file = await storage.put(row.storageKey, body.bytes(), hints)
    return file.mapErr(
      (error) => body.failure ?? (error.type === 'interrupted' ? { type: 'body-failed', cause: error.cause } : error),
    )
  }

  function commit(row: Receiving, bytes: FileRef, contents: Contents): ResultAsync<Stored, UploadError> {
    return media
      .update(row.id, (current) => store(current, row.attempt, contents))
      .orElse((error) => giveUp(row, bytes, toUnavailable(error), { type: 'outcome-unknown', cause: causeOf(error) }))
  }

  /**
   * The one way out of an upload that has a row, and the row decides: only once it says that this attempt can never be
   * committed are the bytes deleted; if it says that the attempt was committed after all, the upload has succeeded.
   * @param unanswered the error when the row can't be asked; whoever reaps it later decides.
   */
  function giveUp<E = never>(
    row: Receiving,
    bytes: FileRef,
    error: UploadError | E,
    unanswered: UploadError | E = error,
  ): ResultAsync<Stored, UploadError | E> {
    const { id, attempt } = row
    const decide = async (): Promise<Result<Stored, UploadError | E>> => {
      const given = await media.update(id, (current) => abandon(current, attempt))
      if (given.isErr() && given.error.type === 'unavailable') return err(unanswered)
      if (given.isErr() && given.error.type === 'fence-lost') {
        const { media: current } = given.error
        if (current.state === 'stored' && current.attempt === attempt) return ok(current)
      }
      if (given.isErr()) await tellLate(row, bytes)
      await discard(bytes)
      return err(error)
    }
    return new ResultAsync(decide())
  }

  /**
   * Others had given this attempt up, so its bytes may have come after they looked for them the last time. Where they have
   * forgotten it by now, the row comes again, and goes as every row does that nobody works on.
   */
  async function tellLate(row: Receiving, bytes: FileRef): Promise<void> {
    const told = await media.update(row.id, (current) => ok(reportLateFile(current, bytes)))
    if (told.isErr() && told.error.type === 'not-found') await media.add(row, policy.leaseSeconds)
  }
}

/** What the row will say of the file, once the form has been read to its end. */
async function contentsOf<E>(
  { id, filename }: Receiving,
  file: StoredFile,
  upload: Upload<E>,
  body: IncomingBody,
): Promise<Result<Contents, UploadError | E>> {
  if (body.failure) return err(body.failure)
  const whole = wholeFile(file, body)
  if (whole.isErr()) return err(whole.error)
  const said = await describe(upload, body, filename)
  return said.map((known) => ({
    ...known,
    fileId: file.fileId,
    url: file.url ?? contentPath(id),
    sizeBytes: file.size,
  }))
}

/** The media as it is now, if these are the same bytes under the same name, said to be the same. Nothing is stored. */
async function replay<E>(
  stored: Stored,
  filename: FileName,
  upload: Upload<E>,
  body: IncomingBody,
): Promise<Result<Uploaded, UploadError | E>> {
  const drained = await body.drain()
  if (drained.isErr()) return err(drained.error)
  const said = await describe(upload, body, filename)
  return said.andThen(({ fingerprint }) =>
    fingerprint === stored.fingerprint
      ? ok({ ...stored, replayed: true })
      : err({ type: 'idempotency-key-reused' } as const),
  )
}

/** What is known of a file whose bytes have all come; waits for what is said about it. */
async function describe<E>(
  { details = {} }: Upload<E>,
  body: IncomingBody,
  filename: FileName,
): Promise<Result<Pick<Contents, 'sha256' | 'title' | 'tags' | 'fingerprint'>, UploadError | E>> {
  body.waitingFor = 'sender'
  const said = details instanceof ResultAsync ? details : okAsync<Details, E>(details)
  const failed = body.failed.then((failure) => err<Details, BodyFailure>(failure))
  const settled: Result<Details, UploadError | E> = await Promise.race([said, failed])
  return settled.andThen(parseDetails).andThen(({ title, tags, sha256: expected }) => {
    const sha256 = body.digest()
    if (expected !== undefined && expected !== sha256) return err({ type: 'digest-mismatch', actual: sha256 } as const)
    const fingerprint = digestOf(sha256, filename, title ?? null, tags)
    return ok({ sha256, title: title ?? titleFromName(filename), tags, fingerprint })
  })
}

type RowError = AlreadyThere | NotFound | FenceLost | Unavailable

/**
 * Identifiers are random, so one that is taken is a fault of whoever makes them; where the row is gone, or others gave this
 * attempt up, the same again may succeed.
 */
const toUnavailable = (error: RowError): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(causeOf(error))

/** For the log, which is told nothing of the media. */
const causeOf = (error: RowError): unknown =>
  error.type === 'unavailable' ? error.cause : new Error(`the row of this upload: ${error.type}`)

function wholeFile(file: StoredFile, { size, isComplete }: IncomingBody): Result<StoredFile, StorageRefused> {
  if (isComplete && file.size === size) return ok(file)
  return err({ type: 'storage-error', cause: new Error(`the storage kept ${file.size} of ${size} bytes or more`) })
}

const digestOf = (...sent: unknown[]): Sha256 =>
  parseSha256(createHash('sha256').update(JSON.stringify(sent)).digest('hex'))._unsafeUnwrap()
