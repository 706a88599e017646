import type { InvalidCursor, InvalidQuery } from '../../application/library/list-media.ts'
import type { NotFound } from '../../application/ports/media-repository.ts'
import type { UploadError } from '../../application/upload/errors.ts'
import type { PreconditionFailed } from '../../domain/media/transitions.ts'
import type { InvalidTag } from '../../domain/values/tag.ts'
import type { InvalidTitle } from '../../domain/values/title.ts'

/** What only HTTP can get wrong. */
export interface HttpRefusal {
  readonly type:
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
    | 'too-many-files'
    | 'too-many-parts'
    | 'unauthenticated'
    | 'unexpected-file-field'
    | 'unsupported-content-encoding'
    | 'unsupported-media-type'
    | 'unsupported-transfer-encoding'
    | 'validation-error'
  readonly detail?: string
  readonly headers?: Readonly<Record<string, string>>
}

export type ApiError = UploadError | InvalidQuery | InvalidCursor | NotFound | PreconditionFailed | HttpRefusal

/** A code that goes over the wire; `body-failed` never does, because its sender is gone. */
export type Code = Exclude<ApiError['type'], 'body-failed'>

/** Every error has a status and a title here, or it doesn't compile. */
const PROBLEMS = {
  'bad-idempotency-key': [400, 'The Idempotency-Key is not valid'],
  'bad-host': [400, 'This Host is not served here'],
  'cross-site': [403, 'Requests from other sites are not answered'],
  'digest-mismatch': [422, 'The bytes that came are not those that were announced'],
  'empty-file': [422, 'The file is empty'],
  'expectation-failed': [417, 'This expectation can not be met'],
  'extension-mismatch': [415, 'The extension promises active content that the file is not'],
  'field-too-large': [400, 'A form field is too large'],
  forbidden: [403, 'Not allowed'],
  'idempotency-in-progress': [409, 'An upload with this Idempotency-Key is under way'],
  'idempotency-key-reused': [422, 'This Idempotency-Key belongs to another upload'],
  'insufficient-storage': [507, 'The file storage is full'],
  'internal-error': [500, 'Something is wrong on this side'],
  'invalid-cursor': [400, 'This cursor does not belong to this list'],
  'invalid-field-name': [400, 'A form field has a name that is not accepted'],
  'invalid-query': [400, 'A query parameter is not valid'],
  'invalid-sha256': [422, 'sha256 is not a SHA-256 in hexadecimal'],
  'invalid-tag': [422, 'A tag is not valid'],
  'invalid-title': [422, 'The title is not valid'],
  'malformed-json': [400, 'The body is not a well-formed JSON object'],
  'media-deleted': [410, 'The media of this Idempotency-Key was deleted'],
  'malformed-multipart': [400, 'The body is not a well-formed multipart/form-data'],
  'method-not-allowed': [405, 'This method is not served here'],
  'missing-file': [400, 'The form has no file'],
  'not-found': [404, 'There is nothing here'],
  'outcome-unknown': [503, 'It is not known whether the upload succeeded'],
  'precondition-failed': [412, 'The media has changed meanwhile'],
  'range-not-satisfiable': [416, 'The file has no such range'],
  'shutting-down': [503, 'The server is shutting down'],
  starting: [503, 'The server is starting'],
  'storage-error': [502, 'The file storage failed'],
  'storage-timeout': [504, 'The file storage did not answer in time'],
  'too-large': [413, 'The file is too large'],
  'too-many-files': [400, 'One upload takes one file'],
  'too-many-parts': [400, 'The form has too many fields'],
  'too-slow': [408, 'The request came too slowly'],
  unauthenticated: [401, 'This needs a key'],
  unavailable: [503, 'A service that this needs is not available'],
  'unexpected-file-field': [400, 'The file came in an unexpected field'],
  'unsupported-content-encoding': [415, 'Encoded request bodies are not accepted'],
  'unsupported-file-type': [415, 'Files of this type are not accepted'],
  'unsupported-media-type': [415, 'The request body is not of the expected type'],
  'validation-error': [422, 'A value is not valid'],
  'unsupported-transfer-encoding': [415, 'This transfer encoding is not accepted'],
} as const satisfies Record<Code, readonly [status: number, title: string]>

/** Retry-After is in seconds. */
const HEADERS: Partial<Record<Code, Readonly<Record<string, string>>>> = {
  'idempotency-in-progress': { 'Retry-After': '2' },
  'outcome-unknown': { 'Retry-After': '5' },
  'shutting-down': { 'Retry-After': '5', Connection: 'close' },
  starting: { 'Retry-After': '2' },
  unavailable: { 'Retry-After': '2' },
}

export const CODES = Object.keys(PROBLEMS) as Code[]

export const summary = (code: Code) => {
  const [status, title] = PROBLEMS[code]
  return { type: `/problems/${code}`, title, status } as const
}

/** Thrown by routes and turned into the answer in one place. */
export class HttpProblem extends Error {
  readonly error: ApiError

  constructor(error: ApiError) {
    super(error.type, { cause: 'cause' in error ? error.cause : undefined })
    this.error = error
  }
}

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

export function toProblem(error: ApiError, requestId: string): Problem {
  const code: Code = error.type === 'body-failed' ? 'malformed-multipart' : error.type
  const { type, title, status } = summary(code)
  const detail = explain(error)
  return {
    status,
    headers: { ...HEADERS[code], ...('headers' in error ? error.headers : {}) },
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

/** What is wrong with this very request and what to do; never what only an operator may know. */
function explain(error: ApiError): string | undefined {
  switch (error.type) {
    case 'too-large':
      return `At most ${error.limit} bytes are accepted; in a form, besides, 1 MiB that is not the file.`
    case 'unsupported-file-type':
      return error.found
        ? `Its bytes are ${error.found}, which is not among the accepted types.`
        : 'Its bytes are of no known type.'
    case 'extension-mismatch':
      return `The name ends in .${error.extension}, but the bytes are something else. Rename the file.`
    case 'invalid-title':
      return REASONS[error.reason]('a title', 200)
    case 'invalid-tag':
      return REASONS[error.reason]('a tag', 64)
    case 'invalid-query':
      return `${error.parameter}: ${error.reason}.`
    case 'digest-mismatch':
      return `The bytes that came have the SHA-256 ${error.actual}. Send the file again.`
    case 'bad-idempotency-key':
      return 'Send one Idempotency-Key of 1 to 255 visible ASCII characters.'
    case 'idempotency-key-reused':
      return 'Other bytes, another name, title or tags came under it before. Use a new key for a new upload.'
    case 'precondition-failed':
      return 'Get it again, and send the ETag that comes with it as If-Match.'
    case 'missing-file':
      return 'Send the file in the multipart field "file", with a file name.'
    case 'outcome-unknown':
      return 'Look for the file in /media/ before sending it again.'
    default:
      return 'detail' in error ? error.detail : undefined
  }
}

type TextReason = InvalidTitle['reason'] | InvalidTag['reason']

const REASONS: Record<TextReason, (what: string, characters: number) => string> = {
  empty: (what) => `There must be something visible in ${what}.`,
  'too-long': (what, characters) => `At most ${characters} characters are accepted in ${what}.`,
  'control-characters': (what) => `Line breaks, control and bidirectional characters are not accepted in ${what}.`,
  'not-well-formed': (what) => `The bytes of ${what} are not valid UTF-8.`,
  repeated: () => 'Give one title.',
  comma: () => 'Commas separate tags.',
  'too-many': () => 'At most 32 tags are accepted.',
}
