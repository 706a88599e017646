import { readFileSync } from 'node:fs'
import { sha256 } from '../samples.ts'
import { uploadForm } from '../support/upload-form.ts'

export const ADDRESS = 'http://127.0.0.1:8000'
export const PICTURE = readFileSync(new URL('../samples/picture.jpg', import.meta.url))
const timeout = () => ({ signal: AbortSignal.timeout(15_000) })

export interface Uploaded {
  readonly id: string
  readonly filename: string
  readonly url: string
  readonly sha256: string
}

/** Uploads once. @returns The status, 0 where the connection failed, and what was uploaded. */
export async function upload(filename: string, bytes = PICTURE): Promise<{ status: number; media?: Uploaded }> {
  const body = uploadForm(bytes, filename)
  body.set('title', filename)
  try {
    const response = await fetch(`${ADDRESS}/upload/`, { method: 'POST', body, ...timeout() })
    const text = await response.text()
    return response.status === 201 ? { status: 201, media: JSON.parse(text) as Uploaded } : { status: response.status }
  } catch {
    return { status: 0 }
  }
}

/** @returns The digest of the content, or the status of the response. */
export async function digestOf(id: string): Promise<string> {
  let response = await fetch(`${ADDRESS}/media/${id}/content/`, { redirect: 'manual', ...timeout() })
  const location = response.headers.get('location')
  if (response.status === 307 && location) {
    // Browsers and curl resolve names of localhost to this machine. Some resolvers do not.
    response = await fetch(location.replace(/(?<=^http:\/\/)\w+\.localhost\b/, '127.0.0.1'), timeout())
  }
  return response.status === 200 ? sha256(await response.bytes()) : String(response.status)
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
