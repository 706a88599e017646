import { randomBytes } from 'node:crypto'
import { createWriteStream, openAsBlob } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ImageKit } from '@imagekit/nodejs'
import type { SentBody } from './sent-body.ts'

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
 * in memory. @returns the answer as it came.
 */
export function upload(client: ImageKit, body: SentBody, sending: Sending): Promise<unknown> {
  return sending.spoolFolder === undefined ? stream(client, body, sending) : spool(client, body, sending)
}

async function stream(client: ImageKit, body: SentBody, { fields, signal }: Sending): Promise<unknown> {
  const boundary = `mediaport-${randomBytes(16).toString('hex')}`
  return client.post<unknown>(PATH, {
    body: multipart(boundary, fields, body),
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    signal,
    timeout: NEVER,
    fetchOptions: WITHOUT_COPY,
  })
}

/** Where a process that dies while it spools leaves what it has. */
export const spooledAt = (folder: string, fileName: string): string => join(folder, fileName)

/** By way of the disk, so that the request can say how long it is. */
async function spool(
  client: ImageKit,
  body: SentBody,
  { fields, signal, spoolFolder = '' }: Sending,
): Promise<unknown> {
  await mkdir(spoolFolder, { recursive: true, mode: 0o700 })
  const path = spooledAt(spoolFolder, fields.fileName)
  try {
    await pipeline(body, createWriteStream(path, { mode: 0o600 }), { signal })
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.set(name, value)
    form.set('file', await openAsBlob(path), fields.fileName)
    return await client.post<unknown>(PATH, { body: form, signal, timeout: NEVER, fetchOptions: WITHOUT_COPY })
  } finally {
    await rm(path, { force: true })
  }
}

/** RFC 7578. Names and values are ours: none of them needs quoting. */
async function* multipart(boundary: string, fields: Sending['fields'], body: SentBody): AsyncGenerator<Uint8Array> {
  const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`
  const texts = Object.entries(fields).map(([name, value]) => `${part(`name="${name}"`)}${value}\r\n`)
  yield Buffer.from(`${texts.join('')}${part(`name="file"; filename="${fields.fileName}"`)}`)
  yield* body
  yield Buffer.from(`\r\n--${boundary}--\r\n`)
}
