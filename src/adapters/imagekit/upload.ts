import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ImageKit } from '@imagekit/nodejs'
import type { CountedBody } from './counted-body.ts'

export interface UploadOptions {
  /** The text fields of the form. */
  readonly fields: Readonly<Record<string, string>> & { readonly fileName: string }
  readonly signal: AbortSignal
  /** Where the file is written before it is sent. If `undefined`, it is sent while it is received. */
  readonly spoolFolder: string | undefined
}

const UPLOAD_PATH = '/api/v1/files/upload'
/** The longest timeout. The caller aborts an upload that makes no progress; this one would limit its total time. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1
/** In any other mode, `fetch` keeps a copy of the body in memory, in case it must follow a redirect. */
const NO_REDIRECT = { redirect: 'error' } as const

/**
 * Sends one file as a multipart form, the text fields first. `files.upload` of the client would need five times the
 * size of the file in memory. `FormData` would need its size once, and an answer before the last byte would crash the
 * process.
 *
 * @returns The answer, not yet checked.
 */
export async function upload(client: ImageKit, body: CountedBody, options: UploadOptions): Promise<unknown> {
  const { fields, signal, spoolFolder } = options
  if (spoolFolder === undefined) return send(client, body, options)
  await mkdir(spoolFolder, { recursive: true, mode: 0o700 })
  const path = spoolPath(spoolFolder, fields.fileName)
  try {
    await pipeline(body, createWriteStream(path, { mode: 0o600 }), { signal })
    return await send(client, readLazily(path), options, body.size)
  } finally {
    await rm(path, { force: true })
  }
}

/** The path of a spooled file. It remains if the process dies before the file is sent. */
export const spoolPath = (folder: string, fileName: string): string => join(folder, fileName)

/** Opens the file at the first read. If the request fails before that, there is no file to close. */
async function* readLazily(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path)
}

/**
 * Sends `multipart/form-data` (RFC 7578). All names and values come from this adapter, so none needs quoting.
 *
 * @param size The size of `file` in bytes, if it is known. Without it the request has no `Content-Length`.
 */
function send(
  client: ImageKit,
  file: AsyncIterable<Uint8Array>,
  { fields, signal }: UploadOptions,
  size?: number,
): Promise<unknown> {
  const boundary = `mediaport-${randomBytes(16).toString('hex')}`
  const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`
  const textParts = Object.entries(fields).map(([name, value]) => `${part(`name="${name}"`)}${value}\r\n`)
  const head = Buffer.from(`${textParts.join('')}${part(`name="file"; filename="${fields.fileName}"`)}`)
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  async function* form(): AsyncGenerator<Uint8Array> {
    yield head
    yield* file
    yield tail
  }
  return client.post<unknown>(UPLOAD_PATH, {
    body: form(),
    headers: {
      'Content-Type': `multipart/form-data; boundary=${boundary}`,
      ...(size !== undefined && { 'Content-Length': String(head.length + size + tail.length) }),
    },
    signal,
    timeout: MAX_TIMEOUT_MS,
    fetchOptions: NO_REDIRECT,
  })
}
