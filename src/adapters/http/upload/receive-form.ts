import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import multer, { type Fields } from '@koa/multer'
import type { Context } from 'koa'
import { err, type Result, ResultAsync } from 'neverthrow'
import { type Details, parseDetails } from '../../../application/upload/details.ts'
import type { UploadError, Uploaded } from '../../../application/upload/errors.ts'
import { formDetails } from './form-details.ts'
import { FormFile } from './form-file.ts'
import { MAX_FIELD_BYTES, MultipartParser, type PartReader } from './multipart-parser.ts'
import { type Pace, watchPace } from './pace.ts'
import { decode, type FormRefusal, type PartHead, RefusedForm } from './part-headers.ts'

const MAX_FIELDS = 20
const MAX_FIELD_NAME_BYTES = 64

export type Refusal = FormRefusal | UploadError

/** Starts the upload of the form's file; `details` settle when the whole form has been read. */
export type Begin = (
  file: { filename: string; body: AsyncIterable<Uint8Array> },
  details: ResultAsync<Details, Refusal>,
) => ResultAsync<Uploaded, Refusal>

export interface FormLimits {
  readonly boundary: string
  /** Bytes. */
  readonly maxFileSize: number
  readonly pace: Pace
}

/**
 * Streams the form of this request into one upload: nothing is kept but the values of fields, and the socket waits for the
 * storage. Settles as soon as the outcome is known, even while the client goes on sending; a refusal only after the
 * upload that had begun has been given up.
 */
export function receiveForm(ctx: Context, limits: FormLimits, begin: Begin): ResultAsync<Uploaded, Refusal> {
  const reception = new Reception(ctx.req, limits, begin)
  receptions.set(ctx.req, reception)
  readForm(ctx, async () => reception.complete()).catch(() => reception.refuse(MALFORMED))
  return new ResultAsync(reception.outcome)
}

const receptions = new WeakMap<IncomingMessage, Reception>()

/**
 * multer collects what the parts of a form say. It gets them from `MultipartParser`, as the events of the parser that it
 * would use itself: that one would search all bytes of the file again.
 */
const readForm = multer({
  storage: {
    _handleFile(req, { originalname }, done) {
      receptions.get(req)?.beginUpload(originalname, req.body)
      done()
    },
    _removeFile: (_req, _file, done) => done(),
  },
  limits: { fieldSize: MAX_FIELD_BYTES, fieldNestingDepth: 0 },
  preservePath: true,
  streamHandler: (req, events) => receptions.get(req)?.start(events),
}).single('file')

class Reception implements PartReader {
  readonly #req: IncomingMessage
  readonly #begin: Begin
  readonly #parser: MultipartParser
  readonly #outcome = Promise.withResolvers<Result<Uploaded, Refusal>>()
  readonly #details = Promise.withResolvers<Result<Details, Refusal>>()
  readonly #stopWatching: () => void
  #events: EventEmitter | undefined
  #file: FormFile | undefined
  #upload: Promise<Result<Uploaded, Refusal>> | undefined
  /** What multer has collected so far. */
  #fields: Fields = {}
  #fieldCount = 0
  #isDecided = false

  constructor(req: IncomingMessage, { boundary, maxFileSize, pace }: FormLimits, begin: Begin) {
    this.#req = req
    this.#begin = begin
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
    // Refused for a field before it: nothing behind is read.
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

  /** @param fields those that came before the file; multer goes on to add to them. */
  beginUpload(filename: string, fields: Fields): void {
    this.#fields = fields
    const early = formDetails(fields).andThen(parseDetails)
    if (early.isErr()) return this.refuse(early.error)
    if (!this.#file || this.#isDecided) return
    const details = new ResultAsync(this.#details.promise)
    this.#upload = Promise.resolve(this.#begin({ filename, body: this.#file }, details))
    this.#upload.then((result) => result.mapErr((error) => this.refuse(error)), this.#outcome.reject)
  }

  /** The whole form has been read. */
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
    this.#req.off('data', this.#onData).off('end', this.#onEnd)
    const cause = new Error(`the form was refused: ${refusal.type}`)
    this.#file?.fail(cause)
    this.#events?.emit('error', cause)
    this.#details.resolve(err(refusal))
    this.#outcome.resolve(Promise.resolve(this.#upload).then(() => err(refusal)))
  }

  #decide(): boolean {
    if (this.#isDecided) return false
    this.#isDecided = true
    this.#stopWatching()
    return true
  }
}

const UNKNOWN_CHARSET = { type: 'malformed-multipart', detail: 'A field has an unknown character set.' } as const
const MALFORMED = { type: 'malformed-multipart', detail: 'The body is cut off or not well-formed.' } as const
