import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import multer, { type Fields } from '@koa/multer'
import type { Context } from 'koa'
import { err, type Result, ResultAsync } from 'neverthrow'
import { type Details, parseDetails } from '../../../application/upload/details.ts'
import type { UploadError } from '../../../application/upload/errors.ts'
import type { BodyFailed } from '../../../application/upload/incoming-body.ts'
import type { Uploaded } from '../../../application/upload/upload-media.ts'
import { MAX_FIELD_BYTES, MAX_FIELD_NAME_BYTES, MAX_FIELDS } from '../limits.ts'
import { formDetails } from './form-details.ts'
import { FormFile } from './form-file.ts'
import { MultipartParser, type PartReader } from './multipart-parser.ts'
import { type Pace, watchPace } from './pace.ts'
import { decode, type FormRefusal, type PartHead, RefusedForm } from './part-headers.ts'

/** Why an upload over HTTP fails. */
export type Refusal = FormRefusal | Exclude<UploadError, BodyFailed>

/** Starts the upload of the form's file. `details` resolves when the whole form has been read. */
export type StartUpload = (
  file: { filename: string; body: AsyncIterable<Uint8Array> },
  details: ResultAsync<Details, Refusal>,
) => ResultAsync<Uploaded, Refusal | BodyFailed>

export interface FormLimits {
  readonly boundary: string
  /** In bytes. */
  readonly maxFileSize: number
  readonly pace: Pace
}

/**
 * Streams the form of the request into one upload. Only the values of fields are kept in memory. The socket is paused
 * while the storage is slower. Resolves as soon as the outcome is known, even if the client still sends. A refused form
 * resolves when its upload has been abandoned.
 */
export function receiveForm(
  ctx: Context,
  limits: FormLimits,
  startUpload: StartUpload,
): ResultAsync<Uploaded, Refusal> {
  const upload = new FormUpload(ctx.req, limits, startUpload)
  uploads.set(ctx.req, upload)
  readForm(ctx, async () => upload.complete()).catch(() => upload.refuse(MALFORMED))
  return new ResultAsync(upload.outcome)
}

const uploads = new WeakMap<IncomingMessage, FormUpload>()

/**
 * multer collects the fields of the form. `MultipartParser` emits them as the events of multer's own parser, which
 * would search all bytes of the file a second time.
 */
const readForm = multer({
  storage: {
    _handleFile(req, { originalname }, done) {
      uploads.get(req)?.beginUpload(originalname, req.body)
      done()
    },
    _removeFile: (_req, _file, done) => done(),
  },
  limits: { fieldSize: MAX_FIELD_BYTES, fieldNestingDepth: 0 },
  preservePath: true,
  streamHandler: (req, events) => uploads.get(req)?.start(events),
}).single('file')

/** One form and its upload. */
class FormUpload implements PartReader {
  readonly #req: IncomingMessage
  readonly #startUpload: StartUpload
  readonly #parser: MultipartParser
  readonly #outcome = Promise.withResolvers<Result<Uploaded, Refusal>>()
  readonly #details = Promise.withResolvers<Result<Details, Refusal>>()
  readonly #stopWatching: () => void
  #events: EventEmitter | undefined
  #file: FormFile | undefined
  #upload: Promise<Result<Uploaded, Refusal>> | undefined
  /** The fields that multer has collected so far. */
  #fields: Fields = {}
  #fieldCount = 0
  #isDecided = false

  constructor(req: IncomingMessage, { boundary, maxFileSize, pace }: FormLimits, startUpload: StartUpload) {
    this.#req = req
    this.#startUpload = startUpload
    this.#parser = new MultipartParser(boundary, maxFileSize, this)
    this.#stopWatching = watchPace(req, pace, () => this.refuse({ type: 'too-slow' }))
  }

  get outcome(): Promise<Result<Uploaded, Refusal>> {
    return this.#outcome.promise
  }

  start(events: EventEmitter): void {
    this.#events = events
    if (this.#req.destroyed) return this.refuse(MALFORMED)
    this.#req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
  }

  readonly #onData = (chunk: Buffer): void => this.#orRefuse(() => this.#parser.push(chunk))

  readonly #onEnd = (): void =>
    this.#orRefuse(() => {
      this.#parser.end()
      this.#events?.emit('close')
    })

  readonly #onClose = (): void => {
    if (!this.#req.readableEnded) this.refuse(MALFORMED)
  }

  #orRefuse(read: () => void): void {
    try {
      read()
    } catch (error) {
      this.refuse(error instanceof RefusedForm ? error.refusal : MALFORMED)
    }
  }

  beginFile({ name, filename }: PartHead): void {
    if (name !== 'file')
      throw new RefusedForm({ type: 'unexpected-file-field', detail: 'Send the file in the field "file".' })
    if (!filename) throw new RefusedForm({ type: 'missing-file' })
    if (this.#upload) throw new RefusedForm({ type: 'too-many-files' })
    this.#file = new FormFile(this.#req)
    this.#events?.emit('file', name, this.#file, { filename })
    // `beginUpload` has refused the form because of an earlier field. The parser stops here.
    if (!this.#upload) throw new RefusedForm(MALFORMED)
  }

  readFile(bytes: Buffer): void {
    this.#file?.push(bytes)
  }

  endFile(): void {
    this.#file?.end()
  }

  readField({ name, charset }: PartHead, bytes: Buffer): void {
    if (name === 'file') throw new RefusedForm({ type: 'missing-file' })
    if (Buffer.byteLength(name) > MAX_FIELD_NAME_BYTES) throw new RefusedForm({ type: 'field-too-large' })
    if (/[[\]]/.test(name) || name in Object.prototype) throw new RefusedForm({ type: 'invalid-field-name' })
    if (++this.#fieldCount > MAX_FIELDS) throw new RefusedForm({ type: 'too-many-parts' })
    const value = decode(bytes, charset)
    if (value === undefined) throw new RefusedForm(UNKNOWN_CHARSET)
    this.#events?.emit('field', name, value, {})
  }

  /** @param fields The fields before the file. multer adds later fields to the same object. */
  beginUpload(filename: string, fields: Fields): void {
    this.#fields = fields
    const parsed = formDetails(fields).andThen(parseDetails)
    if (parsed.isErr()) return this.refuse(parsed.error)
    if (!this.#file || this.#isDecided) return
    const details = new ResultAsync(this.#details.promise)
    // The body fails only if the form is refused or the client disconnects.
    const uploaded = this.#startUpload({ filename, body: this.#file }, details).mapErr((error) =>
      error.type === 'body-failed' ? MALFORMED : error,
    )
    this.#upload = Promise.resolve(uploaded)
    this.#upload.then(
      (result) => result.mapErr((error) => this.refuse(error)),
      (bug: unknown) => this.#fail(bug),
    )
  }

  /** Called when the whole form has been read. */
  complete(): void {
    if (!this.#events) return this.refuse(MALFORMED)
    if (!this.#upload) return this.refuse({ type: 'missing-file' })
    const details = formDetails(this.#fields)
    if (details.isErr()) return this.refuse(details.error)
    if (!this.#decide()) return
    this.#details.resolve(details)
    this.#outcome.resolve(this.#upload)
  }

  refuse(refusal: Refusal): void {
    if (!this.#decide()) return
    this.#stopReading(new Error(`The form was refused: ${refusal.type}.`))
    this.#details.resolve(err(refusal))
    this.#outcome.resolve(Promise.resolve(this.#upload).then(() => err(refusal)))
  }

  /** The upload threw. */
  #fail(bug: unknown): void {
    if (!this.#decide()) return
    this.#stopReading(new Error('The upload threw.', { cause: bug }))
    this.#outcome.reject(bug)
  }

  #stopReading(cause: Error): void {
    this.#req.off('data', this.#onData).off('end', this.#onEnd)
    this.#file?.fail(cause)
    this.#events?.emit('error', cause)
  }

  #decide(): boolean {
    if (this.#isDecided) return false
    this.#isDecided = true
    this.#stopWatching()
    return true
  }
}

const UNKNOWN_CHARSET = { type: 'malformed-multipart', detail: 'A field has an unknown character set.' } as const
const MALFORMED = { type: 'malformed-multipart', detail: 'The body is incomplete or not well-formed.' } as const
