import { readFile } from 'node:fs/promises'
import { sha256 } from '../samples.ts'

export const ADDRESS = 'http://127.0.0.1:8000'
const TIMEOUT_MS = 15_000

export interface Uploaded {
  readonly id: string
  readonly filename: string
  readonly url: string
  readonly sha256: string
}

export const picture = (): Promise<Buffer> => readFile(new URL('../samples/picture.jpg', import.meta.url))

/** Uploads once. @returns The status, 0 where the connection failed, and what was uploaded. */
export async function upload(filename: string, bytes: Buffer): Promise<{ status: number; media?: Uploaded }> {
  const form = new FormData()
  form.set('title', filename)
  form.set('file', new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), filename)
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(`${ADDRESS}/upload/`, { method: 'POST', body: form, signal })
    if (response.status === 201) return { status: 201, media: (await response.json()) as Uploaded }
    await response.arrayBuffer()
    return { status: response.status }
  } catch {
    return { status: 0 }
  }
}

/** @returns The digest of the content, or the status of the response. */
export async function digestOf(id: string): Promise<string> {
  const response = await fetch(`${ADDRESS}/media/${id}/content/`, {
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.status === 200) return sha256(await response.bytes())
  await response.arrayBuffer()
  const location = response.headers.get('location')
  if (response.status !== 307 || !location) return String(response.status)
  // Browsers and curl resolve names of localhost to this machine. Some resolvers do not.
  const at = new URL(location)
  if (at.hostname.endsWith('.localhost')) at.hostname = '127.0.0.1'
  const redirected = await fetch(at, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  return redirected.status === 200 ? sha256(await redirected.bytes()) : `307 and ${redirected.status}`
}

/** All media items, by the pages of the list. */
export async function list(): Promise<readonly Uploaded[]> {
  const all: Uploaded[] = []
  for (let cursor = ''; ; ) {
    const response = await fetch(`${ADDRESS}/media/?limit=100${cursor && `&cursor=${cursor}`}`)
    const { items, next } = (await response.json()) as { items: Uploaded[]; next?: string | null }
    all.push(...items)
    if (!next) return all
    cursor = encodeURIComponent(next)
  }
}

/** The media items whose content is not that of the acknowledged upload, and their digest or status. */
export async function lost(acknowledged: readonly Uploaded[]): Promise<readonly string[]> {
  const all: string[] = []
  for (const { id, sha256: digest } of acknowledged) {
    const now = await digestOf(id)
    if (now !== digest) all.push(`${id}: ${now}`)
  }
  return all
}

/** The file names of more than one media item. Each upload must have its own name. */
export async function doubled(): Promise<readonly string[]> {
  const counts = Map.groupBy(await list(), ({ filename }) => filename)
  return [...counts].filter(([, items]) => items.length > 1).map(([filename]) => filename)
}
