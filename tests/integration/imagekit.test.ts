import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type LocalImagekit, startLocalImagekit } from '../imagekit/local-server.ts'
import { PNG, sha256 } from '../samples.ts'
import { type Ended, ServerProcess } from './mediaport-process.ts'

const WAIT = { timeout: 30_000, interval: 50 }

interface Answered {
  id: string
  file_id: string
  url: string
}

describe('An installation that began on the filesystem and gets a key of ImageKit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  const told: Ended[] = []
  const answers: string[] = []
  let vendor: LocalImagekit
  let server: ServerProcess
  let early: Answered
  let late: Answered

  const request = async (path: string, options: RequestInit = {}) => {
    const answer = await fetch(`${server.url}${path}`, { redirect: 'manual', ...options })
    const body = Buffer.from(await answer.arrayBuffer())
    answers.push(JSON.stringify([...answer.headers]), body.toString('latin1'))
    return { status: answer.status, headers: answer.headers, body }
  }
  const upload = async (): Promise<Answered> => {
    const body = new FormData()
    body.append('file', new Blob([Uint8Array.from(PNG)]), 'a.png')
    const answer = await request('/upload/', { method: 'POST', body })
    expect(answer.status).toBe(201)
    return JSON.parse(answer.body.toString())
  }
  const originals = () => vendor.library.all.map(({ fileId }) => fileId)

  beforeAll(async () => {
    vendor = await startLocalImagekit()
    server = await ServerProcess.start({ DATA_DIR: folder })
    early = await upload()
    told.push(await server.kill('SIGTERM'))
    server = await ServerProcess.start({
      DATA_DIR: folder,
      IMAGEKIT_PRIVATE_KEY: vendor.privateKey,
      IMAGEKIT_URL_ENDPOINT: vendor.urlEndpoint,
      IMAGEKIT_UPLOAD_URL: vendor.url,
      IMAGEKIT_API_URL: vendor.url,
      IMAGEKIT_PRIVATE: 'on',
    })
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    await vendor.close()
    rmSync(folder, { recursive: true })
  })

  it('says where new files go', () => {
    expect(server.messages).toContainEqual(`storage: ImageKit (${vendor.urlEndpoint})`)
  })

  it('keeps new files there, under the name and the address that ImageKit gives them', async () => {
    late = await upload()
    const [kept] = vendor.library.all
    expect(late).toMatchObject({ file_id: kept?.fileId, url: expect.stringContaining(vendor.urlEndpoint) })
    expect(
      readdirSync(join(folder, 'files'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile()),
    ).toHaveLength(1)
    expect(JSON.parse((await request(`/media/${late.id}/`)).body.toString())).toEqual(late)
  })

  it('sends readers to the signed original', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await request(`/media/${late.id}/content/`, { method })
      expect(status).toBe(307)
      const original = await fetch(headers.get('location') ?? '')
      expect(sha256(Buffer.from(await original.arrayBuffer()))).toBe(sha256(PNG))
    }
    expect((await fetch(late.url)).status).toBe(401)
  })

  it('still serves earlier files itself', async () => {
    const { status, body } = await request(`/media/${early.id}/content/`)
    expect([status, PNG.equals(body)]).toEqual([200, true])
  })

  it('reads what a file there says of itself', async () => {
    await vi.waitFor(async () => {
      const { body } = await request(`/media/${late.id}/metadata/`)
      expect(JSON.parse(body.toString())).toMatchObject({ format: 'png' })
    }, WAIT)
  })

  it('deletes there what is deleted here', async () => {
    expect(originals()).toEqual([late.file_id])
    expect((await request(`/media/${late.id}/`, { method: 'DELETE' })).status).toBe(204)
    await vi.waitFor(() => expect(originals()).toEqual([]), WAIT)
    await vi.waitFor(() => expect(vendor.library.purged).toHaveLength(1), WAIT)
  })

  it('tells the key to nobody, whatever goes wrong', async () => {
    vendor.faults.upload = { type: 'early refusal', status: 403 }
    const body = new FormData()
    body.append('file', new Blob([Uint8Array.from(PNG)]), 'a.png')
    expect((await request('/upload/', { method: 'POST', body })).status).toBe(507)
    vendor.faults.upload = { type: 'error page', status: 502 }
    const again = new FormData()
    again.append('file', new Blob([Uint8Array.from(PNG)]), 'a.png')
    expect((await request('/upload/', { method: 'POST', body: again })).status).toBe(503)
    told.push(await server.kill('SIGTERM'))
    const everything = [...answers, ...told.flatMap(({ stdout, stderr }) => [stdout, stderr])].join('\n')
    expect(everything).not.toContain(vendor.privateKey)
    expect(everything).not.toContain(Buffer.from(`${vendor.privateKey}:`).toString('base64').slice(0, 20))
  })
})
