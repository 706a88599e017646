import { PNG } from '../samples.ts'

export type Bytes = string | Uint8Array

export const BOUNDARY = 'the-boundary'
const FORM_DATA = `multipart/form-data; boundary=${BOUNDARY}`
/** The delimiter after the last part. */
export const END = `--${BOUNDARY}--\r\n`

export const concat = (...pieces: Bytes[]): Buffer => Buffer.concat(pieces.map(toBytes))

const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === 'string' ? Buffer.from(bytes) : bytes)

/** @param headers The header lines, separated by CRLF, without a CRLF at the end. */
export const part = (headers: Bytes, content: Bytes): Buffer =>
  concat(`--${BOUNDARY}\r\n`, headers, '\r\n\r\n', content, '\r\n')

export const field = (name: string, value: Bytes): Buffer =>
  part(`Content-Disposition: form-data; name="${name}"`, value)

/** @param filename The text between the quotes. It is not escaped. */
export const file = (bytes: Bytes = PNG, filename: Bytes = 'a.png', name = 'file'): Buffer =>
  part(concat(`Content-Disposition: form-data; name="${name}"; filename="`, filename, '"'), bytes)

/** A complete form of these parts. */
export const form = (...parts: Bytes[]): Buffer => concat(...parts, END)

/** The part without its last CRLF: the start of a part whose content continues. */
export const begin = (bytes: Bytes): Buffer => concat(bytes).subarray(0, -2)

/** An HTTP/1.1 request. Without a `Host` in `headers` it gets a correct one. */
export const request = (line: string, headers: readonly string[] = [], body: Bytes = ''): Buffer =>
  concat([`${line} HTTP/1.1`, ...withDefaults(headers, ['Host: localhost'])].join('\r\n'), '\r\n\r\n', body)

export const get = (path: string, ...headers: string[]): Buffer => request(`GET ${path}`, headers)

/** A request with a body. `headers` replace the headers `Content-Type` and `Content-Length` of the same name. */
export const requestWithBody = (line: string, type: string, body: Bytes, headers: readonly string[] = []): Buffer =>
  request(line, withDefaults(headers, [`Content-Type: ${type}`, `Content-Length: ${toBytes(body).length}`]), body)

/** POST /upload/. `headers` replace the headers `Content-Type` and `Content-Length` of the same name. */
export const post = (body: Bytes, ...headers: string[]): Buffer =>
  requestWithBody('POST /upload/', FORM_DATA, body, headers)

/** The request without its body. */
export const headOf = (whole: Buffer): Buffer => whole.subarray(0, whole.indexOf('\r\n\r\n') + 4)

/** The head of a POST /upload/ without a `Content-Length`. The body follows as `chunk`s. */
export const postChunked = (...headers: string[]): Buffer =>
  request('POST /upload/', [`Content-Type: ${FORM_DATA}`, 'Transfer-Encoding: chunked', ...headers])

export const chunk = (bytes: Bytes): Buffer => concat(`${toBytes(bytes).length.toString(16)}\r\n`, bytes, '\r\n')

export const LAST_CHUNK = '0\r\n\r\n'

/** POST /upload/ with the whole body in one chunk. */
export const postInOneChunk = (body: Bytes, ...headers: string[]): Buffer =>
  concat(postChunked(...headers), chunk(body), LAST_CHUNK)

function withDefaults(headers: readonly string[], defaults: readonly string[]): string[] {
  const names = new Set(headers.map(nameOf))
  return [...defaults.filter((header) => !names.has(nameOf(header))), ...headers]
}

const nameOf = (header: string): string => header.slice(0, header.indexOf(':')).toLowerCase()
