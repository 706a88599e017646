import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { PNG, sha256 } from '../samples.ts'
import { filesIn } from '../support/files.ts'
import { imagekitVariables } from '../support/imagekit-variables.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { uploadForm } from '../support/upload-form.ts'
import { type ProcessResult, ServerProcess } from './mediaport-process.ts'

const WAIT = { timeout: 30_000, interval: 50 }

interface MediaJson {
  id: string
  file_id: string
  url: string
}

describe('A server that changes from the filesystem to ImageKit', () => {
  const folder = temporaryFolder(afterAll)
  const results: ProcessResult[] = []
  const answers: string[] = []
  let vendor: LocalImagekit
  let server: ServerProcess
  let earlier: MediaJson
  let later: MediaJson

  const request = async (path: string, options: RequestInit = {}) => {
    const answer = await fetch(`${server.url}${path}`, { redirect: 'manual', ...options })
    const body = Buffer.from(await answer.arrayBuffer())
    answers.push(JSON.stringify([...answer.headers]), body.toString('latin1'))
    return { status: answer.status, headers: answer.headers, body }
  }
  const upload = async (): Promise<MediaJson> => {
    const answer = await request('/upload/', { method: 'POST', body: uploadForm() })
    expect(answer.status).toBe(201)
    return JSON.parse(answer.body.toString())
  }
  const originals = () => vendor.library.all.map(({ fileId }) => fileId)

  beforeAll(async () => {
    vendor = await startLocalImagekit()
    server = await ServerProcess.start({ DATA_DIR: folder })
    earlier = await upload()
    results.push(await server.kill('SIGTERM'))
    server = await ServerProcess.start({
      DATA_DIR: folder,
      ...imagekitVariables(vendor),
    })
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    await vendor.close()
  })

  it('logs the storage of new files', () => {
    expect(server.messages).toContainEqual(`storage: ImageKit (${vendor.urlEndpoint})`)
  })

  it('stores new files at ImageKit, with the file id and the URL of ImageKit', async () => {
    later = await upload()
    const [stored] = vendor.library.all
    expect(later).toMatchObject({ file_id: stored?.fileId, url: expect.stringContaining(vendor.urlEndpoint) })
    expect(filesIn(join(folder, 'files'))).toHaveLength(1)
    expect(JSON.parse((await request(`/media/${later.id}/`)).body.toString())).toEqual(later)
  })

  it('redirects readers to the signed original', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await request(`/media/${later.id}/content/`, { method })
      expect(status).toBe(307)
      const original = await fetch(headers.get('location') ?? '')
      expect(sha256(Buffer.from(await original.arrayBuffer()))).toBe(sha256(PNG))
    }
    expect((await fetch(later.url)).status).toBe(401)
  })

  it('serves earlier files itself', async () => {
    const { status, body } = await request(`/media/${earlier.id}/content/`)
    expect([status, PNG.equals(body)]).toEqual([200, true])
  })

  it('reads the metadata of a file at ImageKit', async () => {
    await vi.waitFor(async () => {
      const { body } = await request(`/media/${later.id}/metadata/`)
      expect(JSON.parse(body.toString())).toMatchObject({ format: 'png' })
    }, WAIT)
  })

  it('deletes the file at ImageKit when the media item is deleted', async () => {
    expect(originals()).toEqual([later.file_id])
    expect((await request(`/media/${later.id}/`, { method: 'DELETE' })).status).toBe(204)
    await vi.waitFor(() => expect(originals()).toEqual([]), WAIT)
    await vi.waitFor(() => expect(vendor.library.purged).toHaveLength(1), WAIT)
  })

  it('never logs or returns the private key, also after errors', async () => {
    vendor.faults.upload = { type: 'early refusal', status: 403 }
    expect((await request('/upload/', { method: 'POST', body: uploadForm() })).status).toBe(507)
    vendor.faults.upload = { type: 'error page', status: 502 }
    expect((await request('/upload/', { method: 'POST', body: uploadForm() })).status).toBe(503)
    results.push(await server.kill('SIGTERM'))
    const output = [...answers, ...results.flatMap(({ stdout, stderr }) => [stdout, stderr])].join('\n')
    expect(output).not.toContain(vendor.privateKey)
    expect(output).not.toContain(Buffer.from(`${vendor.privateKey}:`).toString('base64').slice(0, 20))
  })
})
