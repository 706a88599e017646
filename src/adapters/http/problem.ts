import type { Context } from 'koa'
import type { InvalidCursor, InvalidQuery } from '../../application/library/list-media.ts'
import type { NotFound } from '../../application/ports/media-repository.ts'
import type { UploadError } from '../../application/upload/errors.ts'
import type { BodyFailed } from '../../application/upload/incoming-body.ts'
import type { PreconditionFailed } from '../../domain/media/transitions.ts'
import { MAX_TAG_CHARACTERS, MAX_TAGS, MAX_TITLE_CHARACTERS } from '../../domain/values/limits.ts'
import type { InvalidTag } from '../../domain/values/tag.ts'
import type { InvalidTitle } from '../../domain/values/title.ts'
import type { TokenExpired, Unauthenticated } from './auth/caller.ts'
import { MAX_FORM_OVERHEAD_BYTES } from './limits.ts'

/** An error of the HTTP adapter, which no use case returns. */
export interface HttpRefusal<Type extends HttpCode = HttpCode> {
  readonly type: Type
  readonly detail?: string
  readonly headers?: Readonly<Record<string, string>>
}

type HttpCode =
  | 'bad-host'
  | 'cross-site'
  | 'expectation-failed'
  | 'field-too-large'
  | 'forbidden'
  | 'internal-error'
  | 'invalid-field-name'
  | 'malformed-json'
  | 'malformed-multipart'
  | 'method-not-allowed'
  | 'range-not-satisfiable'
  | 'starting'
  | 'too-large'
  | 'too-many-files'
  | 'too-many-parts'
  | 'unexpected-file-field'
  | 'unsupported-content-encoding'
  | 'unsupported-media-type'
  | 'unsupported-transfer-encoding'
  | 'validation-error'

/** Every error that a request can be answered with. */
export type ApiError =
  | Exclude<UploadError, BodyFailed>
  | InvalidQuery
  | InvalidCursor
  | NotFound
  | PreconditionFailed
  | Unauthenticated
  | TokenExpired
  | HttpRefusal

/** The last part of a problem's `type`. It never changes. */
export type Code = ApiError['type']

/** The status and title of every error. */
const PROBLEMS = {
  'bad-idempotency-key': [400, 'The Idempotency-Key is not valid'],
  'bad-host': [400, 'The server does not serve this Host'],
  'cross-site': [403, 'Requests from other sites are not allowed'],
  'digest-mismatch': [422, 'The file does not have the announced SHA-256'],
  'empty-file': [422, 'The file is empty'],
  'expectation-failed': [417, 'The server does not support this Expect header'],
  'extension-mismatch': [415, 'The file does not match its extension'],
  'field-too-large': [400, 'A form field is too large'],
  forbidden: [403, 'The caller may not do this'],
  'idempotency-in-progress': [409, 'An upload with this Idempotency-Key is in progress'],
  'idempotency-key-reused': [422, 'The Idempotency-Key was used for a different upload'],
  'insufficient-storage': [507, 'The file storage is full'],
  'internal-error': [500, 'The server failed'],
  'invalid-cursor': [400, 'The cursor does not belong to this list'],
  'invalid-field-name': [400, 'A form field has an invalid name'],
  'invalid-query': [400, 'A query parameter is not valid'],
  'invalid-sha256': [422, 'The value of sha256 is not valid'],
  'invalid-tag': [422, 'A tag is not valid'],
  'invalid-title': [422, 'The title is not valid'],
  'malformed-json': [400, 'The body is not a valid JSON object'],
  'media-deleted': [410, 'The media item of this Idempotency-Key was deleted'],
  'malformed-multipart': [400, 'The body is not valid multipart/form-data'],
  'method-not-allowed': [405, 'The method is not allowed for this path'],
  'missing-file': [400, 'The form has no file'],
  'not-found': [404, 'The resource does not exist'],
  'outcome-unknown': [503, 'It is not known whether the upload succeeded'],
  'precondition-failed': [412, 'The media item has changed'],
  'range-not-satisfiable': [416, 'The range lies outside the file'],
  'shutting-down': [503, 'The server is shutting down'],
  starting: [503, 'The server is starting'],
  'storage-error': [502, 'The file storage failed'],
  'storage-timeout': [504, 'The file storage did not answer in time'],
  'token-expired': [401, 'The token has expired'],
  'too-large': [413, 'The request body is too large'],
  'too-many-files': [400, 'The form has more than one file'],
  'too-many-parts': [400, 'The form has too many fields'],
  'too-slow': [408, 'The request was sent too slowly'],
  unauthenticated: [401, 'Valid credentials are required'],
  unavailable: [503, 'A service does not answer'],
  'unexpected-file-field': [400, 'The file is in the wrong form field'],
  'unsupported-content-encoding': [415, 'The content encoding is not supported'],
  'unsupported-file-type': [415, 'The file type is not accepted'],
  'unsupported-media-type': [415, 'The media type of the body is not supported'],
  'validation-error': [422, 'A value is not valid'],
  'unsupported-transfer-encoding': [415, 'The transfer encoding is not supported'],
} as const satisfies Record<Code, readonly [status: number, title: string]>

/** Retry-After is in seconds. WWW-Authenticate: RFC 6750 section 3. */
const HEADERS: Partial<Record<Code, Readonly<Record<string, string>>>> = {
  'idempotency-in-progress': { 'Retry-After': '2' },
  'outcome-unknown': { 'Retry-After': '5' },
  'shutting-down': { 'Retry-After': '5', Connection: 'close' },
  starting: { 'Retry-After': '2' },
  'token-expired': { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  unauthenticated: { 'WWW-Authenticate': 'Bearer' },
  unavailable: { 'Retry-After': '2' },
}

export const CODES = Object.keys(PROBLEMS) as Code[]

/** The members of a problem document that depend on the code only. */
export const summary = (code: Code) => {
  const [status, title] = PROBLEMS[code]
  return { type: `/problems/${code}`, title, status } as const
}

/** Ends a request with an error. The outermost middleware turns it into the answer. */
export function refuse(ctx: Context, error: ApiError): void {
  ctx.state['refusal'] = error
}

/** The error of `refuse`, if it was called for this request. */
export const refusalFor = (ctx: Context): ApiError | undefined => ctx.state['refusal']

/** The answer to a request that failed. */
export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** RFC 9457. */
  readonly body: {
    readonly type: string
    readonly title: string
    readonly status: number
    readonly detail?: string
    readonly dependency?: string
    readonly request_id: string
  }
}

/** Returns the answer to a request that failed with `error`. */
export function toProblem(error: ApiError, requestId: string): Problem {
  const { type, title, status } = summary(error.type)
  const detail = explain(error)
  return {
    status,
    headers: { ...HEADERS[error.type], ...('headers' in error ? error.headers : {}) },
    body: {
      type,
      title,
      status,
      ...(detail && { detail }),
      ...(error.type === 'unavailable' && { dependency: error.dependency }),
      request_id: requestId,
    },
  }
}

/** What is wrong with this request, and what to do. Contains no internals, such as causes or paths. */
function explain(error: ApiError): string | undefined {
  switch (error.type) {
    case 'too-large':
      return 'limit' in error
        ? `A file may have at most ${error.limit} bytes, and the rest of the form ${MAX_FORM_OVERHEAD_BYTES}.`
        : error.detail
    case 'unsupported-file-type':
      return error.found
        ? `The file is ${error.found}, which this server does not accept.`
        : 'The type of the file is not known.'
    case 'extension-mismatch':
      return `The name ends in .${error.extension}, but the content has another type. Rename the file.`
    case 'invalid-title':
      return REASONS[error.reason]('a title', MAX_TITLE_CHARACTERS)
    case 'invalid-tag':
      return REASONS[error.reason]('a tag', MAX_TAG_CHARACTERS)
    case 'invalid-query':
      return `${error.parameter}: ${error.reason}.`
    case 'digest-mismatch':
      return `The received file has the SHA-256 ${error.actual}. Send the file again.`
    case 'bad-idempotency-key':
      return 'Send one Idempotency-Key of 1 to 255 visible ASCII characters.'
    case 'idempotency-key-reused':
      return 'The first upload with this key had other bytes, another name, other tags or another title. Use a new key.'
    case 'precondition-failed':
      return 'Get the media item again, and send its new ETag as If-Match.'
    case 'missing-file':
      return 'Send the file in the multipart field "file", with a file name.'
    case 'outcome-unknown':
      return 'Look for the file in /media/ before you send it again.'
    default:
      return 'detail' in error ? error.detail : undefined
  }
}

type TextReason = InvalidTitle['reason'] | InvalidTag['reason']

const REASONS: Record<TextReason, (what: string, characters: number) => string> = {
  empty: (what) => `At least one visible character is needed in ${what}.`,
  'too-long': (what, characters) => `At most ${characters} characters are allowed in ${what}.`,
  'control-characters': (what) => `Line breaks, control and bidirectional characters are not allowed in ${what}.`,
  'not-well-formed': (what) => `The bytes of ${what} are not valid UTF-8.`,
  repeated: () => 'Send one title.',
  comma: () => 'A tag must not contain a comma.',
  'too-many': () => `At most ${MAX_TAGS} tags are allowed.`,
}
