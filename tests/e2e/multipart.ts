import { PNG } from '../samples.ts'

export type Bytes = string | Uint8Array

export const BOUNDARY = 'the-boundary'
const FORM_DATA = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`
export const END = `--${BOUNDARY}--\r\n`

export const concat = (...pieces: Bytes[]): Buffer => Buffer.concat(pieces.map(toBytes))

export const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === 'string' ? Buffer.from(bytes) : bytes)

/** `headers` with the line breaks between them, without the last one. */
export const part = (headers: Bytes, content: Bytes): Buffer =>
  concat(`--${BOUNDARY}\r\n`, headers, '\r\n\r\n', content, '\r\n')

export const field = (name: string, value: Bytes): Buffer =>
  part(`Content-Disposition: form-data; name="${name}"`, value)

/** `filename` as it stands between the quotes. */
export const file = (bytes: Bytes = PNG, filename: Bytes = 'a.png', name = 'file'): Buffer =>
  part(concat(`Content-Disposition: form-data; name="${name}"; filename="`, filename, '"'), bytes)

/** The parts with what ends a form. */
export const form = (...parts: Bytes[]): Buffer => concat(...parts, END)

/** What a part is before its content. */
export const begin = (bytes: Bytes): Buffer => concat(bytes).subarray(0, -2)

/** A request as it goes over the wire. A `Host` among the headers replaces the right one. */
export function request(line: string, headers: readonly string[] = [], body: Bytes = ''): Buffer {
  const host = headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: localhost']
  return concat([`${line} HTTP/1.1`, ...host, ...headers].join('\r\n'), '\r\n\r\n', body)
}

export const get = (path: string, ...headers: string[]): Buffer => request(`GET ${path}`, headers)

/** POST /upload/ of a body that is all there. Headers of the same name replace the right ones. */
export function post(body: Bytes, ...headers: string[]): Buffer {
  const own = [FORM_DATA, `Content-Length: ${toBytes(body).length}`]
  return request('POST /upload/', [...own.filter((line) => !isAmong(line, headers)), ...headers], body)
}

/** What of a request comes before its body. */
export const headOf = (whole: Buffer): Buffer => whole.subarray(0, whole.indexOf('\r\n\r\n') + 4)

/** The beginning of a POST /upload/ whose length nobody knows yet; `chunk`s follow. */
export const postChunked = (...headers: string[]): Buffer =>
  request('POST /upload/', [FORM_DATA, 'Transfer-Encoding: chunked', ...headers])

export const chunk = (bytes: Bytes): Buffer => concat(`${toBytes(bytes).length.toString(16)}\r\n`, bytes, '\r\n')

export const LAST_CHUNK = '0\r\n\r\n'

function isAmong(line: string, headers: readonly string[]): boolean {
  const name = line.slice(0, line.indexOf(':') + 1).toLowerCase()
  return headers.some((header) => header.toLowerCase().startsWith(name))
}
