import { finished, type Writable } from 'node:stream'
import multer, { type IncomingFile, type StorageEngine } from '@koa/multer'
import type { Context } from 'koa'
import { err, type Result, ResultAsync } from 'neverthrow'
import { type Details, parseDetails } from '../../../application/details.ts'
import type { UploadError, Uploaded } from '../../../application/upload.ts'
import { formDetails } from './form-details.ts'
import { type FormRefusal, MAX_FIELD_BYTES, MultipartGuard, RefusedForm } from './multipart-guard.ts'
import { type Pace, watchPace } from './pace.ts'

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
 * Streams the form of this request into one upload: multer parses it, nothing is kept but the values of fields, and the
 * socket waits for the storage. Settles as soon as the outcome is known, even while the client goes on sending; a
 * refusal only after the upload that had begun has been put away.
 */
export function receiveForm(ctx: Context, limits: FormLimits, begin: Begin): ResultAsync<Uploaded, Refusal> {
  const { req } = ctx
  const outcome = Promise.withResolvers<Result<Uploaded, Refusal>>()
  const details = Promise.withResolvers<Result<Details, Refusal>>()
  const guard = new MultipartGuard(limits.boundary, limits.maxFileSize)
  let upload: Promise<Result<Uploaded, Refusal>> | undefined
  let parser: Writable | undefined
  let fields = 0
  let seen = 0
  let decided = false

  const decide = (): boolean => {
    if (decided) return false
    decided = true
    stopWatching()
    return true
  }

  const refuse = (refusal: Refusal): void => {
    if (!decide()) return
    req.unpipe(guard)
    guard.destroy()
    parser?.destroy(new Error(`the form was refused: ${refusal.type}`))
    details.resolve(err(refusal))
    outcome.resolve(Promise.resolve(upload).then(() => err(refusal)))
  }

  const complete = (body: unknown): void => {
    const read = formDetails(body)
    if (!parser) return refuse(MALFORMED)
    if (!upload) return refuse({ type: 'missing-file' })
    // The parser skips what it can't decode and says nothing.
    if (seen !== guard.parts) return refuse(MALFORMED)
    if (read.isErr()) return refuse(read.error)
    if (!decide()) return
    details.resolve(read)
    outcome.resolve(upload)
  }

  const seeFile = (name: string | undefined, _: unknown, { filename }: { filename?: string }): void => {
    seen++
    if (!name) refuse(UNNAMED)
    else if (name !== 'file') refuse({ type: 'unexpected-file-field', detail: 'Send the file in the field "file".' })
    else if (!filename) refuse({ type: 'missing-file' })
    else if (upload) refuse({ type: 'too-many-files' })
  }

  const seeField = (
    name: string | undefined,
    value: unknown,
    { valueTruncated }: { valueTruncated: boolean },
  ): void => {
    seen++
    if (!name) refuse(UNNAMED)
    else if (name === 'file') refuse({ type: 'missing-file' })
    else if (valueTruncated || Buffer.byteLength(name) > MAX_FIELD_NAME_BYTES) refuse({ type: 'field-too-large' })
    else if (/[[\]]/.test(name) || name in Object.prototype) refuse({ type: 'invalid-field-name' })
    else if (++fields > MAX_FIELDS) refuse({ type: 'too-many-parts' })
    else if (value === undefined) refuse(UNKNOWN_CHARSET)
  }

  const engine: StorageEngine = {
    _handleFile(form, { originalname, stream }: IncomingFile, done) {
      // Called back when the file's bytes have been read, not when the upload is done: multer has to go on with the form.
      finished(stream, { writable: false }, done)
      const early = formDetails(form.body).andThen(parseDetails)
      if (decided || early.isErr()) return early.isErr() ? refuse(early.error) : undefined
      upload = Promise.resolve(begin({ filename: originalname, body: stream }, new ResultAsync(details.promise)))
      upload.then((result) => result.mapErr(refuse), outcome.reject)
    },
    _removeFile: (_req, _file, done) => done(),
  }

  const parse = multer({
    storage: engine,
    limits: { fieldSize: MAX_FIELD_BYTES, fieldNestingDepth: 0 },
    preservePath: true,
    defParamCharset: 'utf8',
    // multer tells of a refusal only after it has read all that still comes, so what it would refuse is seen here first.
    streamHandler: (_req, busboy) => {
      parser = busboy.prependListener('file', seeFile).prependListener('field', seeField)
      parser.prependListener('error', () => refuse(MALFORMED))
      req.pipe(guard).pipe(busboy)
    },
  }).single('file')

  const stopWatching = watchPace(req, limits.pace, () => refuse({ type: 'too-slow' }))
  guard.on('error', (error) => refuse(error instanceof RefusedForm ? error.refusal : MALFORMED))
  finished(req, { writable: false }, (error) => error && refuse(MALFORMED))
  parse(ctx, async () => complete('body' in ctx.request ? ctx.request.body : undefined)).catch(() => refuse(MALFORMED))
  return new ResultAsync(outcome.promise)
}

const UNNAMED = { type: 'malformed-multipart', detail: 'A part of the form has no name.' } as const
const UNKNOWN_CHARSET = { type: 'malformed-multipart', detail: 'A field has an unknown character set.' } as const
const MALFORMED = { type: 'malformed-multipart', detail: 'The body is cut off or not well-formed.' } as const
