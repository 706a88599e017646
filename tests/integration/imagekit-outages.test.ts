import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Fault } from '../imagekit/faults.ts'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { EXPECTED } from '../imagekit/switches.ts'
import { pngOf, sha256 } from '../samples.ts'
import { imagekitVariables } from '../support/imagekit-variables.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { uploadForm } from '../support/upload-form.ts'
import { type ProcessResult, ServerProcess } from './mediaport-process.ts'

const FAST = { UPLOAD_LEASE_SECONDS: '2', REAP_EVERY_SECONDS: '1', FORGET_AFTER_SECONDS: '3' }
/** Enough for a lease and two runs of the reaper, also on a busy machine. */
const SOON = { timeout: 10_000, interval: 50 }

/** Starts a server that stores its files at a local ImageKit before all tests of the suite. */
function useServer(variables: Record<string, string> = {}) {
  const folder = temporaryFolder(afterAll)
  const answers: string[] = []
  let vendor: LocalImagekit
  let server: ServerProcess

  const request = async (path: string, options: RequestInit = {}) => {
    const answer = await fetch(`${server.url}${path}`, { redirect: 'manual', ...options })
    const body = await answer.text()
    answers.push(JSON.stringify([...answer.headers]), body)
    return { status: answer.status, headers: answer.headers, body: body === '' ? {} : JSON.parse(body) }
  }
  const fixture = {
    vendor: () => vendor,
    request,
    upload: (bytes = pngOf(1_000_000)) => request('/upload/', { method: 'POST', body: uploadForm(bytes) }),
    /** The file ids at ImageKit, and the file ids in the list of media items. */
    fileIds: async () => ({
      vendorIds: vendor.library.all.map(({ fileId }) => fileId).toSorted(),
      listedIds: (await request('/media/?limit=100')).body.items
        .map((media: { file_id: string }) => media.file_id)
        .toSorted(),
    }),
    /** Waits until ImageKit has exactly the files of the listed media items, `files` in number. */
    expectFiles: (files: number, options = SOON) =>
      vi.waitFor(async () => {
        const { vendorIds, listedIds } = await fixture.fileIds()
        expect(vendorIds).toEqual(listedIds)
        expect(vendorIds).toHaveLength(files)
      }, options),
    /** Stops the server. Returns its complete output and all its answers. */
    stop: async (): Promise<string> => {
      const { stdout, stderr }: ProcessResult = await server.kill('SIGTERM')
      return [...answers, stdout, stderr].join('\n')
    },
  }
  beforeAll(async () => {
    vendor = await startLocalImagekit()
    server = await ServerProcess.start({
      DATA_DIR: folder,
      ...imagekitVariables(vendor),
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
  })
  return fixture
}

describe.each(['stream', 'spool'])('An upload to ImageKit (IMAGEKIT_UPLOAD=%s)', (IMAGEKIT_UPLOAD) => {
  const fixture = useServer({ IMAGEKIT_UPLOAD })

  it.each<[string, Fault, number, string, storedFiles: number]>([
    ['is stored without an answer', { type: 'answer lost' }, 503, 'unavailable', 1],
    ['exceeds the rate limit', { type: 'rate limit', ms: 100, times: 1 }, 503, 'unavailable', 0],
    ['is answered with 500 and HTML', { type: 'error page', status: 500 }, 503, 'unavailable', 0],
    ['is answered with 502 and HTML', { type: 'error page', status: 502 }, 503, 'unavailable', 0],
    ['is reset in the middle', { type: 'reset', afterBytes: 500_000 }, 503, 'unavailable', 0],
    ['is refused before its last byte', { type: 'early refusal', status: 400 }, 502, 'storage-error', 0],
    ['exceeds the quota', { type: 'early refusal', status: 403 }, 507, 'insufficient-storage', 0],
    ['is answered with a wrong size', { type: 'wrong size' }, 502, 'storage-error', 1],
    ['is answered with 202', { type: 'accepted' }, 503, 'unavailable', 1],
  ])('that %s fails, and its file is deleted', async (_, fault, status, code, storedFiles) => {
    const vendor = fixture.vendor()
    // Each file counts once: a second delete finds no file but also purges.
    const purgeCount = () => new Set(vendor.library.purged).size
    const before = purgeCount()
    vendor.faults.upload = fault
    const answer = await fixture.upload()
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${code}`])
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '2' : null)
    vendor.faults.upload = undefined
    await fixture.expectFiles(0)
    // The file that ImageKit stored was deleted.
    expect(purgeCount()).toBe(before + storedFiles)
  })

  it('without a required length fails when it is streamed and succeeds when it is spooled', async () => {
    fixture.vendor().switches.chunkedUploads = false
    const { status, body } = await fixture.upload()
    if (IMAGEKIT_UPLOAD === 'stream') expect([status, body.type]).toEqual([502, '/problems/storage-error'])
    else expect(status).toBe(201)
    await fixture.expectFiles(IMAGEKIT_UPLOAD === 'stream' ? 0 : 1)
  })

  it('without a fault succeeds, and its file is deleted later if the first attempt to delete it fails', async () => {
    const before = (await fixture.fileIds()).vendorIds.length
    const bytes = pngOf(1_000_000)
    const { status, body } = await fixture.upload(bytes)
    expect([status, body.sha256]).toEqual([201, sha256(bytes)])
    await fixture.expectFiles(before + 1)
    fixture.vendor().faults.api = { type: 'error page', status: 502 }
    expect((await fixture.request(`/media/${body.id}/`, { method: 'DELETE' })).status).toBe(204)
    expect((await fixture.fileIds()).vendorIds).toContain(body.file_id)
    fixture.vendor().faults.api = undefined
    await fixture.expectFiles(before, { ...SOON, timeout: 30_000 })
  })

  it('never logs or returns the private key, also after errors', async () => {
    const { privateKey } = fixture.vendor()
    const output = await fixture.stop()
    expect(output).toContain('ImageKit answered 502')
    expect(output).not.toContain(privateKey)
    expect(output).not.toContain(Buffer.from(`${privateKey}:`).toString('base64').slice(0, 20))
  })
})

describe('An upload that ImageKit stops reading', () => {
  const fixture = useServer({ MAX_FILE_SIZE: '25MB' })

  it('is abandoned within a minute', { timeout: 90_000 }, async () => {
    fixture.vendor().faults.upload = { type: 'stops reading', afterBytes: 1_000_000 }
    // Larger than the socket buffers of the kernel.
    const { status, body } = await fixture.upload(pngOf(24_000_000))
    expect([status, body.type]).toEqual([504, '/problems/storage-timeout'])
    await fixture.expectFiles(0)
  })
})

describe('If ImageKit lists a file only after 5 s', () => {
  // Longer than the lag, like the default of seven days.
  const fixture = useServer({ FORGET_AFTER_SECONDS: '7' })
  const listLag = 5000

  it('the file of a media item that is deleted at once is deleted at once', async () => {
    fixture.vendor().switches.listLag = listLag
    const { status, body } = await fixture.upload()
    expect(status).toBe(201)
    expect((await fixture.request(`/media/${body.id}/`, { method: 'DELETE' })).status).toBe(204)
    await fixture.expectFiles(0, { ...SOON, timeout: listLag - 1000 })
  })

  it('the file of an upload without an answer is deleted by the second discard', async () => {
    fixture.vendor().switches.listLag = listLag
    fixture.vendor().faults.upload = { type: 'answer lost' }
    expect((await fixture.upload()).status).toBe(503)
    expect((await fixture.fileIds()).vendorIds).toHaveLength(1)
    await fixture.expectFiles(0, { ...SOON, timeout: 20_000 })
  })
})
