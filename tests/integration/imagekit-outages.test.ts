import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../imagekit/faults.ts'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { EXPECTED } from '../imagekit/switches.ts'
import { pngOf, sha256 } from '../samples.ts'
import { type Ended, ServerProcess } from './mediaport-process.ts'

const FAST = { UPLOAD_LEASE_SECONDS: '2', REAP_EVERY_SECONDS: '1', FORGET_AFTER_SECONDS: '3' }
/** A lease, a round that puts away, and one that discards, on a machine that does other things, too. */
const SOON = { timeout: 10_000, interval: 50 }

/** A server that keeps its files at a vendor in trouble. */
function installation(variables: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  const answers: string[] = []
  let vendor: LocalImagekit
  let server: ServerProcess

  const request = async (path: string, options: RequestInit = {}) => {
    const answer = await fetch(`${server.url}${path}`, { redirect: 'manual', ...options })
    const body = await answer.text()
    answers.push(JSON.stringify([...answer.headers]), body)
    return { status: answer.status, headers: answer.headers, body: body === '' ? {} : JSON.parse(body) }
  }
  const at = {
    vendor: () => vendor,
    request,
    upload: (bytes = pngOf(1_000_000)) => {
      const form = new FormData()
      form.append('file', new Blob([Uint8Array.from(bytes)]), 'a.png')
      return request('/upload/', { method: 'POST', body: form })
    },
    /** Both by the name that the vendor gave: what it has, and what is listed here. */
    places: async () => ({
      there: vendor.library.all.map(({ fileId }) => fileId).toSorted(),
      here: (await request('/media/?limit=100')).body.items
        .map((media: { file_id: string }) => media.file_id)
        .toSorted(),
    }),
    /** There is exactly what rows name, so many files. */
    isSettled: (files: number, within = SOON) =>
      vi.waitFor(async () => {
        const { there, here } = await at.places()
        expect(there).toEqual(here)
        expect(there).toHaveLength(files)
      }, within),
    /** Ends it. @returns all that it ever said to anybody. */
    told: async (): Promise<string> => {
      const { stdout, stderr }: Ended = await server.kill('SIGTERM')
      return [...answers, stdout, stderr].join('\n')
    },
  }
  beforeAll(async () => {
    vendor = await startLocalImagekit()
    server = await ServerProcess.start({
      DATA_DIR: folder,
      IMAGEKIT_PRIVATE_KEY: vendor.privateKey,
      IMAGEKIT_URL_ENDPOINT: vendor.urlEndpoint,
      IMAGEKIT_UPLOAD_URL: vendor.url,
      IMAGEKIT_API_URL: vendor.url,
      IMAGEKIT_PRIVATE: 'on',
      LOG_LEVEL: 'trace',
      ...FAST,
      ...variables,
    })
  })
  afterEach(() => {
    vendor.faults.upload = undefined
    vendor.faults.api = undefined
    Object.assign(vendor.switches, EXPECTED)
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    await vendor.close()
    rmSync(folder, { recursive: true })
  })
  return at
}

describe.each(['stream', 'spool'])('An upload to ImageKit (IMAGEKIT_UPLOAD=%s)', (IMAGEKIT_UPLOAD) => {
  const at = installation({ IMAGEKIT_UPLOAD })

  it.each<[string, Fault, number, string, kept: number]>([
    ['is kept, and its answer lost', { type: 'answer lost' }, 503, 'unavailable', 1],
    ['comes too often', { type: 'rate limit', ms: 100, times: 1 }, 503, 'unavailable', 0],
    ['is answered with 500 and HTML', { type: 'error page', status: 500 }, 503, 'unavailable', 0],
    ['is answered with 502 and HTML', { type: 'error page', status: 502 }, 503, 'unavailable', 0],
    ['is reset half way', { type: 'reset', afterBytes: 500_000 }, 503, 'unavailable', 0],
    ['is refused before it has come', { type: 'early refusal', status: 400 }, 502, 'storage-error', 0],
    ['is beyond the quota', { type: 'early refusal', status: 403 }, 507, 'insufficient-storage', 0],
    ['is counted wrong', { type: 'wrong size' }, 502, 'storage-error', 1],
    ['is answered with 202', { type: 'accepted' }, 503, 'unavailable', 1],
  ])('that %s', async (_, fault, status, code, kept) => {
    const vendor = at.vendor()
    // Whoever comes second finds nothing, and purges all the same.
    const purged = () => new Set(vendor.library.purged).size
    const before = purged()
    vendor.faults.upload = fault
    const answer = await at.upload()
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${code}`])
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '2' : null)
    vendor.faults.upload = undefined
    await at.isSettled(0)
    // What ImageKit kept was there, and went.
    expect(purged()).toBe(before + kept)
  })

  it('that does not say how long it is, where it has to', async () => {
    at.vendor().switches.chunkedUploads = false
    const { status, body } = await at.upload()
    if (IMAGEKIT_UPLOAD === 'stream') expect([status, body.type]).toEqual([502, '/problems/storage-error'])
    else expect(status).toBe(201)
    await at.isSettled(IMAGEKIT_UPLOAD === 'stream' ? 0 : 1)
  })

  it('that meets nothing of all that is kept, and goes when it is deleted, though that fails at first', async () => {
    const before = (await at.places()).there.length
    const bytes = pngOf(1_000_000)
    const { status, body } = await at.upload(bytes)
    expect([status, body.sha256]).toEqual([201, sha256(bytes)])
    await at.isSettled(before + 1)
    at.vendor().faults.api = { type: 'error page', status: 502 }
    expect((await at.request(`/media/${body.id}/`, { method: 'DELETE' })).status).toBe(204)
    expect((await at.places()).there).toContain(body.file_id)
    at.vendor().faults.api = undefined
    await at.isSettled(before, { ...SOON, timeout: 30_000 })
  })

  it('tells nobody the private key, whatever went wrong', async () => {
    const { privateKey } = at.vendor()
    const told = await at.told()
    expect(told).toContain('ImageKit answered 502')
    expect(told).not.toContain(privateKey)
    expect(told).not.toContain(Buffer.from(`${privateKey}:`).toString('base64').slice(0, 20))
  })
})

describe('An upload that ImageKit stops to take half way', () => {
  const at = installation({ MAX_FILE_SIZE: '25MB' })

  it('is given up within a minute', { timeout: 90_000 }, async () => {
    at.vendor().faults.upload = { type: 'stops reading', afterBytes: 1_000_000 }
    // More than the kernel would hold.
    const { status, body } = await at.upload(pngOf(24_000_000))
    expect([status, body.type]).toEqual([504, '/problems/storage-timeout'])
    await at.isSettled(0)
  })
})

describe('Where lists know of a file only after 5 s', () => {
  // Longer than that, as seven days are.
  const at = installation({ FORGET_AFTER_SECONDS: '7' })
  const listLag = 5000

  it('a media that is deleted as soon as it is there goes at once', async () => {
    at.vendor().switches.listLag = listLag
    const { status, body } = await at.upload()
    expect(status).toBe(201)
    expect((await at.request(`/media/${body.id}/`, { method: 'DELETE' })).status).toBe(204)
    await at.isSettled(0, { ...SOON, timeout: listLag - 1000 })
  })

  it('an upload whose answer was lost goes with its second discard', async () => {
    at.vendor().switches.listLag = listLag
    at.vendor().faults.upload = { type: 'answer lost' }
    expect((await at.upload()).status).toBe(503)
    expect((await at.places()).there).toHaveLength(1)
    await at.isSettled(0, { ...SOON, timeout: 20_000 })
  })
})
