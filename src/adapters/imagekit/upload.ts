import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ImageKit } from '@imagekit/nodejs'
import type { CountedBody } from './counted-body.ts'

export interface Sending {
  readonly fields: Readonly<Record<string, string>> & { readonly fileName: string }
  readonly signal: AbortSignal
  readonly spoolFolder: string | undefined
}

const PATH = '/api/v1/files/upload'
/** The caller gives up what takes too long; the client's own timeout would count the upload itself. */
const NEVER = 2 ** 31 - 1
/** With any other mode, fetch keeps a copy of all that it sends, in case that it has to follow a redirect. */
const WITHOUT_COPY = { redirect: 'error' } as const

/**
 * Sends one file as a multipart form, the text fields first. `files.upload` of the client would gather five times the file
 * in memory; `FormData` all of it once, and end the process where an answer comes before the last byte.
 * @returns the answer as it came.
 */
export async function upload(client: ImageKit, body: CountedBody, sending: Sending): Promise<unknown> {
  const { fields, signal, spoolFolder } = sending
  if (spoolFolder === undefined) return send(client, body, sending)
  await mkdir(spoolFolder, { recursive: true, mode: 0o700 })
  const path = spooledAt(spoolFolder, fields.fileName)
  try {
    await pipeline(body, createWriteStream(path, { mode: 0o600 }), { signal })
    return await send(client, readLater(path), sending, body.size)
  } finally {
    await rm(path, { force: true })
  }
}

/** Where a process that dies while it spools leaves what it has. */
export const spooledAt = (folder: string, fileName: string): string => join(folder, fileName)

/** Opens the file once somebody asks for its bytes, for nobody would close it otherwise. */
async function* readLater(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path)
}

/** RFC 7578. Names and values are ours: none of them needs quoting. @param size of `file`, where it is known. */
function send(
  client: ImageKit,
  file: AsyncIterable<Uint8Array>,
  { fields, signal }: Sending,
  size?: number,
): Promise<unknown> {
  const boundary = `mediaport-${randomBytes(16).toString('hex')}`
  const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`
  const texts = Object.entries(fields).map(([name, value]) => `${part(`name="${name}"`)}${value}\r\n`)
  const head = Buffer.from(`${texts.join('')}${part(`name="file"; filename="${fields.fileName}"`)}`)
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  async function* form(): AsyncGenerator<Uint8Array> {
    yield head
    yield* file
    yield tail
  }
  return client.post<unknown>(PATH, {
    body: form(),
    headers: {
      'Content-Type': `multipart/form-data; boundary=${boundary}`,
      ...(size !== undefined && { 'Content-Length': String(head.length + size + tail.length) }),
    },
    signal,
    timeout: NEVER,
    fetchOptions: WITHOUT_COPY,
  })
}
