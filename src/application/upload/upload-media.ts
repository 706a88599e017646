import { createHash } from 'node:crypto'
import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow'
import { type MediaId, storageKey } from '../../domain/media/ids.ts'
import { type Contents, fileRef, type Intent, type Receiving, type Stored } from '../../domain/media/media.ts'
import { type FenceLost, receiveAgain, store } from '../../domain/media/transitions.ts'
import { acceptType } from '../../domain/values/content-type.ts'
import { parseSha256, type Sha256 } from '../../domain/values/digest.ts'
import { type FileName, parseFileName } from '../../domain/values/file-name.ts'
import { type BadIdempotencyKey, parseIdempotencyKey } from '../../domain/values/idempotency-key.ts'
import { titleFromName } from '../../domain/values/title.ts'
import { requireOwner } from '../owner.ts'
import { narrowed, type Policy, type UploadLimits } from '../policy.ts'
import type { StorageRefused, StoredFile } from '../ports/file-storage.ts'
import type { Ports } from '../ports/index.ts'
import { unavailable } from '../ports/unavailable.ts'
import type { DiscardMedia } from '../upkeep/discard-media.ts'
import { abandonUpload, causeOf, toUnavailable } from './abandon-upload.ts'
import { type Details, parseDetails } from './details.ts'
import type { UploadError } from './errors.ts'
import { idOfKey } from './id-of-key.ts'
import { type BodyFailure, IncomingBody } from './incoming-body.ts'
import { keepLease } from './lease.ts'

export interface Upload<E = never> {
  /** The bytes. They are read once, as fast as the storage writes them. If the upload ends early, `return` is called. */
  readonly body: AsyncIterable<Uint8Array>
  /**
   * `true` if nobody uses the chunks of `body` after they were read. The storage may then free their memory early, which
   * makes large uploads cheaper: a chunk may have the length 0 afterwards. `false` by default.
   */
  readonly ownsChunks?: boolean
  /** The name of the file. A path is reduced to its last part. */
  readonly filename: string
  /** A `ResultAsync` if they are known only after the bytes. If it errs, the upload fails with that error. */
  readonly details?: Details | ResultAsync<Details, E>
  /** The owner of the media item. It must not be empty. */
  readonly owner: string
  /**
   * The idempotency key of the sender: 1 to 255 visible ASCII characters. Uploads that repeat it create one media item. An
   * upload that repeats it with other bytes, name, title or tags fails.
   */
  readonly key?: string | undefined
  /** Limits of this upload, for example of the user. */
  readonly policy?: UploadLimits | undefined
}

/** The media item, and whether an earlier upload with the same key created it. */
export type Uploaded = Stored & { readonly replayed: boolean }

/**
 * Uploads a file. On success its bytes are in the storage and its row is committed. Files on disk and rows of a PostgreSQL
 * server survive a power cut; rows of the embedded database survive a killed process. On an error nothing becomes visible,
 * now or later.
 *
 * @example
 * const media = await mediaport.uploadMedia({ owner: 'anna', filename: 'photo.jpg', body: createReadStream('photo.jpg') })
 */
export type UploadMedia = <E = never>(upload: Upload<E>) => ResultAsync<Uploaded, UploadError | E>

/**
 * The row is written before the bytes. So a crash leaves a row that tells which bytes to delete, never bytes without a row.
 *
 * @param closing Aborted when uploads must be abandoned because the process ends.
 */
export const uploadMedia = (ports: Ports, policy: Policy, discard: DiscardMedia, closing: AbortSignal): UploadMedia => {
  const { media, sniff, identity } = ports
  const [storage] = ports.storages
  const abandon = abandonUpload(media, policy, discard)

  return (upload) => {
    requireOwner(upload.owner)
    const body = new IncomingBody(upload.body, narrowed(policy, upload.policy).maxFileSize)
    const onClosing = () => body.fail({ type: 'shutting-down' })
    if (closing.aborted) onClosing()
    closing.addEventListener('abort', onClosing)
    const outcome = run(upload, body).finally(() => {
      closing.removeEventListener('abort', onClosing)
      body.stop()
    })
    return new ResultAsync(outcome)
  }

  async function run<E>(upload: Upload<E>, body: IncomingBody): Promise<Result<Uploaded, UploadError | E>> {
    const intent = await inspect(upload, body)
    if (intent.isErr()) return err(intent.error)
    const started = await start(intent.value, upload.key)
    if (started.isErr()) return err(started.error)
    const row = started.value
    if (row.state === 'stored') return replay(row, intent.value.filename, upload, body)

    const stopRenewal = keepLease(media, row, body, policy)
    try {
      const outcome = await receive(row, upload, body)
      return outcome.map((stored) => ({ ...stored, replayed: false }))
    } finally {
      stopRenewal()
    }
  }

  /** Refuses an invalid upload before it has a row or a file. */
  async function inspect(
    { filename, owner, key, policy: limits }: Upload<unknown>,
    body: IncomingBody,
  ): Promise<Result<Intent, UploadError>> {
    const id = mediaId(owner, key)
    if (id.isErr()) return err(id.error)
    const name = parseFileName(filename)
    if (name.isErr()) return err(name.error)
    const head = await body.readHead()
    if (head.isErr()) return err(head.error)
    const type = await sniff(head.value)
    return acceptType(type, name.value, narrowed(policy, limits).allowedTypes).map((mimeType) => {
      const attempt = identity.newAttempt()
      return {
        id: id.value,
        owner,
        attempt,
        storage: storage.name,
        storageKey: storageKey(id.value, attempt),
        filename: name.value,
        mimeType,
      }
    })
  }

  function mediaId(owner: string, key: string | undefined): Result<MediaId, BadIdempotencyKey> {
    return key === undefined ? ok(identity.newId()) : parseIdempotencyKey(key).map((parsed) => idOfKey(owner, parsed))
  }

  /** Adds the row of this attempt. If a row with this key exists, takes it over, or returns it if it is stored. */
  function start(intent: Intent, key: string | undefined): ResultAsync<Receiving | Stored, UploadError> {
    return media.add(intent, policy.leaseSeconds).orElse((error) => {
      if (error.type === 'unavailable' || key === undefined) return errAsync(toUnavailable(error))
      return media
        .update<Receiving | Stored, FenceLost>(intent.id, (row, now) => receiveAgain(row, intent, now, policy))
        .orElse((lost) => {
          if (lost.type !== 'fence-lost') return errAsync(toUnavailable(lost))
          if (lost.media.state === 'stored') return okAsync(lost.media)
          return errAsync({
            type: lost.media.state === 'deleted' ? 'media-deleted' : 'idempotency-in-progress',
          } as const)
        })
    })
  }

  /** Stores the bytes and commits the row, or abandons the upload. */
  async function receive<E>(
    row: Receiving,
    upload: Upload<E>,
    body: IncomingBody,
  ): Promise<Result<Stored, UploadError | E>> {
    const file = await put(row, body, upload.ownsChunks)
    const ref = { ...fileRef(row), fileId: file.isOk() ? file.value.fileId : undefined }
    const contents = file.isOk() ? await contentsOf(row, file.value, upload, body) : err(file.error)
    if (contents.isErr()) return abandon<E>(row, ref, contents.error)
    return media
      .update(row.id, (current) => store(current, row.attempt, contents.value))
      .orElse((error) => abandon(row, ref, toUnavailable(error), { type: 'outcome-unknown', cause: causeOf(error) }))
  }

  async function put(row: Receiving, body: IncomingBody, ownsChunks = false): Promise<Result<StoredFile, UploadError>> {
    const hints = { contentType: row.mimeType, signal: body.signal, ownsChunks }
    const file = await storage.put(row.storageKey, body.bytes(), hints)
    return file.mapErr((error) => {
      if (body.failure) return body.failure
      // Another process has deleted the file, because the lease had expired.
      return error.type === 'interrupted' ? unavailable('storage')(error.cause) : error
    })
  }
}

/** What the row will contain. Waits for the details. */
async function contentsOf<E>(
  { filename }: Receiving,
  file: StoredFile,
  upload: Upload<E>,
  body: IncomingBody,
): Promise<Result<Contents, UploadError | E>> {
  if (body.failure) return err(body.failure)
  const complete = completeFile(file, body)
  if (complete.isErr()) return err(complete.error)
  const described = await readDetails(upload, body, filename)
  return described.map((details) => ({ ...details, fileId: file.fileId, url: file.url, sizeBytes: file.size }))
}

/** Returns the existing media item, if this upload has the same bytes, name, title and tags. Stores nothing. */
async function replay<E>(
  stored: Stored,
  filename: FileName,
  upload: Upload<E>,
  body: IncomingBody,
): Promise<Result<Uploaded, UploadError | E>> {
  const drained = await body.drain()
  if (drained.isErr()) return err(drained.error)
  const details = await readDetails(upload, body, filename)
  return details.andThen(({ fingerprint }) =>
    fingerprint === stored.fingerprint
      ? ok({ ...stored, replayed: true })
      : err({ type: 'idempotency-key-reused' } as const),
  )
}

/** Waits for the details of a file whose bytes have been read, and checks its digest. */
async function readDetails<E>(
  { details = {} }: Upload<E>,
  body: IncomingBody,
  filename: FileName,
): Promise<Result<Pick<Contents, 'sha256' | 'title' | 'tags' | 'fingerprint'>, UploadError | E>> {
  body.waitsFor = 'sender'
  const pending = details instanceof ResultAsync ? details : okAsync<Details, E>(details)
  const failed = body.failed.then((failure) => err<Details, BodyFailure>(failure))
  const settled: Result<Details, UploadError | E> = await Promise.race([pending, failed])
  return settled.andThen(parseDetails).andThen(({ title, tags, sha256: expected }) => {
    const sha256 = body.digest()
    if (expected !== undefined && expected !== sha256) return err({ type: 'digest-mismatch', actual: sha256 } as const)
    const fingerprint = digestOf(sha256, filename, title ?? null, tags)
    return ok({ sha256, title: title ?? titleFromName(filename), tags, fingerprint })
  })
}

function completeFile(file: StoredFile, { size, isComplete }: IncomingBody): Result<StoredFile, StorageRefused> {
  if (isComplete && file.size === size) return ok(file)
  return err({
    type: 'storage-error',
    cause: new Error(`The storage kept ${file.size} bytes, but read ${size}${isComplete ? '' : ' of more'}.`),
  })
}

const digestOf = (...values: unknown[]): Sha256 =>
  parseSha256(createHash('sha256').update(JSON.stringify(values)).digest('hex'))._unsafeUnwrap()
