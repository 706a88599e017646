import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vi } from 'vitest'
import { ImagekitFileStorage, type ImagekitOptions } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { inChunks, noise } from '../samples.ts'
import type { Switches } from './switches.ts'

/** An account that can be observed. Every upload of the storage has a Content-Length, because the files are spooled. */
export type Target = ImagekitOptions & Required<Pick<ImagekitOptions, 'spoolFolder' | 'apiUrl'>>

export interface Observation {
  /** The value of the switch, or `undefined` if it could not be determined. */
  readonly value: boolean | number | undefined
  /** The facts behind the value, for people. */
  readonly text: string
}

const VIDEO = join(import.meta.dirname, '../samples/film.mp4')
const hints = { contentType: 'application/octet-stream' as ContentType, signal: new AbortController().signal }

/** Determines the value of each switch. Each function stores the files that it needs in the target's folder. */
export const OBSERVATIONS: Readonly<Record<keyof Switches, (target: Target) => Promise<Observation>>> = {
  // This one runs first, because the first upload makes the folder.
  unknownFolderIsEmpty: async (target) => {
    const status = await statusOf(target, async (storage) => storage.list())
    return { value: status === 200, text: `the list of an unknown folder: ${status}` }
  },

  chunkedUploads: async (target) => {
    const streaming = { ...target, spoolFolder: undefined }
    const status = await statusOf(streaming, async (storage) => put(storage, 'chunked', noise(1_000_000)))
    return { value: status === 200, text: `1 MB without Content-Length: ${status}` }
  },

  ranges: async (target) => {
    await put(new ImagekitFileStorage(target), 'ranges')
    const range = { start: 1, end: 2 }
    const status = await statusOf(target, async (storage) => {
      for await (const _ of (await storage.open('ranges' as StorageKey, range)).unwrapOr([]));
    })
    return { value: status === 206, text: `bytes=1-2 of a raw file: ${status}` }
  },

  privateRawFiles: async (target) => {
    const storage = new ImagekitFileStorage({ ...target, isPrivate: true })
    const files = [await put(storage, 'private'), await put(storage, 'private.mp4', await readFile(VIDEO))]
    const urls = files.map((file) => file.map(({ url }) => `${url}?tr=orig-true`).unwrapOr(target.urlEndpoint))
    const [raw, video] = await Promise.all(urls.map(async (url) => (await fetch(url)).status))
    return {
      value: [raw, video].every((status) => status === 401 || status === 403),
      text: `private files without a signature: raw file ${raw}, video ${video}`,
    }
  },

  refusesEmptyFiles: async (target) => {
    const status = await statusOf(target, async (storage) => put(storage, 'empty', Buffer.alloc(0)))
    return { value: status !== 200, text: `an empty file: ${status}` }
  },

  listLag: async (target) => {
    const storage = new ImagekitFileStorage(target)
    const { fileId } = (await put(storage, 'lag'))._unsafeUnwrap()
    const isListed = async () => (await storage.list())._unsafeUnwrap().some(({ key }) => key === 'lag')
    const addedMs = await timeUntil(isListed)
    await storage.delete('lag' as StorageKey, fileId)
    const deletedMs = await timeUntil(async () => !(await isListed()))
    return { value: Math.max(addedMs, deletedMs), text: `a new file: ${addedMs} ms, a deleted file: ${deletedMs} ms` }
  },

  callsPerSecond: async ({ apiUrl, privateKey }) => {
    const start = performance.now()
    // The adapter would wait and repeat limited requests.
    const headers = { Authorization: `Basic ${Buffer.from(`${privateKey}:`).toString('base64')}` }
    const request = () => fetch(`${apiUrl}/v1/files?limit=1`, { headers })
    const answers = await Promise.all(Array.from({ length: 150 }, request))
    const limited = answers.find(({ status }) => status === 429)
    const text = `${answers.length} lists in ${Math.round(performance.now() - start)} ms`
    if (!limited) return { value: 0, text: `${text}: no rate limit` }
    const header = (name: string) => Number(limited.headers.get(`x-ratelimit-${name}`))
    const [limit, intervalMs, resetMs] = [header('limit'), header('interval') || 1000, header('reset')]
    const facts = `429 with limit ${limit}, interval ${intervalMs} ms, reset ${resetMs} ms`
    return { value: (limit * 1000) / intervalMs, text: `${text}: ${facts}` }
  },
}

const put = (storage: ImagekitFileStorage, key: string, bytes: Uint8Array = noise(1000)) =>
  storage.put(key as StorageKey, inChunks(bytes), hints)

/** @returns The status of ImageKit's last answer to a call of the adapter. */
async function statusOf(target: Target, call: (storage: ImagekitFileStorage) => Promise<unknown>): Promise<number> {
  let status = Number.NaN
  const observed: typeof fetch = async (...args) => {
    const response = await fetch(...args)
    status = response.status
    return response
  }
  await call(new ImagekitFileStorage({ ...target, fetch: observed }))
  return status
}

/** @returns Milliseconds until the condition holds, or 0 if it holds at once. */
async function timeUntil(condition: () => Promise<boolean>): Promise<number> {
  const start = performance.now()
  if (await condition()) return 0
  await vi.waitUntil(condition, { timeout: 60_000, interval: 20 })
  return Math.round(performance.now() - start)
}
