import { createHash } from 'node:crypto'
import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { GIF, noise, PDF, PNG, pngOf } from '../../samples.ts'
import { expectProblem, MAX_FILE, startServer, type TestServer } from '../harness.ts'
import { concat, field, file, form, get, post } from '../multipart.ts'

let server: TestServer
let id: string
let content: Buffer
beforeAll(async () => {
  server = await startServer()
  content = pngOf(5000)
  id = (await server.accepts(post(form(file(content), field('tags', 'a'))))).id
})
afterEach(() => server.works())
afterAll(() => server.close())

const read = (...headers: string[]) => server.exchange(get(`/media/${id}/content/`, ...headers))

describe('a download', () => {
  it.each([
    ['a picture', PNG, 'image/png', 'inline'],
    ['a picture with a page behind it', concat(GIF, '<html><script>alert(1)</script>'), 'image/gif', 'inline'],
    ['a document', PDF, 'application/pdf', 'attachment'],
  ])('K1: of %s is inert', async (_, bytes, type, kind) => {
    const media = await server.accepts(post(form(file(bytes, 'a'))))
    const { status, headers, body } = await server.exchange(get(`/media/${media.id}/content/`))
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': type,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-site',
      'content-disposition': expect.stringMatching(`^${kind}; filename=`),
    })
    expect(headers).not.toHaveProperty('set-cookie')
    expect(body.equals(Buffer.from(bytes))).toBe(true)
  })

  it.each([
    ['Größe €.png', 'inline; filename="Größe ?.png"; filename*=UTF-8\'\'Gr%C3%B6%C3%9Fe%20%E2%82%AC.png'],
    ['a%22b%5c.png', 'inline; filename="a\\"b%5c.png"; filename*=UTF-8\'\'a%22b%255c.png'],
    ['😀', 'inline; filename="??.png"; filename*=UTF-8\'\'%F0%9F%98%80.png'],
    ['%0d%0aX-Evil: 1.png', 'inline; filename="X-Evil: 1.png"'],
  ])('K2: of %s has its name in one header', async (name, expected) => {
    const media = await server.accepts(post(form(file(PNG, name))))
    const { headers } = await server.exchange(get(`/media/${media.id}/content/`))
    expect(headers['content-disposition']).toBe(expected)
    expect(headers).not.toHaveProperty('x-evil')
  })

  it.each([
    ['0-0', 0, 0],
    ['-1', 4999, 4999],
    ['0-', 0, 4999],
    ['4999-', 4999, 4999],
    ['100-199', 100, 199],
    ['4000-99999', 4000, 4999],
    ['-99999', 0, 4999],
  ])('K3: of bytes=%s gives these', async (range, start, end) => {
    const { status, headers, body } = await read(`Range: bytes=${range}`)
    expect(status).toBe(206)
    expect(headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/5000`,
      'content-length': String(end - start + 1),
    })
    expect(body.equals(content.subarray(start, end + 1))).toBe(true)
  })

  it.each(['5000-', '-0', '5000-6000', '99999-'])('K4: of bytes=%s is not possible', async (range) => {
    const { headers } = await server.refuses(
      get(`/media/${id}/content/`, `Range: bytes=${range}`),
      416,
      'range-not-satisfiable',
    )
    expect(headers).toMatchObject({ 'content-range': 'bytes */5000' })
  })

  it.each([
    'bytes=5-2',
    'bytes=abc',
    'items=0-5',
    'bytes=1e3-',
    'bytes=18446744073709551616-',
    'bytes=--1',
    'bytes=-1-2',
    'bytes=',
    'bytes=-',
    'bytes',
    '0-5',
    'bytes=0-1, 3-4',
    `bytes=${'0-,'.repeat(1300)}0-`,
  ])('K5, K6: of %s is of all', async (range) => {
    const { status, headers, body } = await read(`Range: ${range}`)
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'content-type': 'image/png', 'content-length': '5000' })
    expect(body.equals(content)).toBe(true)
  })

  it('K7: heeds its conditions', async () => {
    const etag = `"${createHash('sha256').update(content).digest('hex')}"`
    expect((await read('Range: bytes=0-0', 'If-Range: "stale"')).status).toBe(200)
    expect((await read('Range: bytes=0-0', `If-Range: W/${etag}`)).status).toBe(200)
    expect((await read('Range: bytes=0-0', `If-Range: ${etag}`)).status).toBe(206)
    for (const current of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const { status, headers, body } = await read(`If-None-Match: ${current}`)
      expect([status, body.length]).toEqual([304, 0])
      expect(headers).toMatchObject({ etag })
    }
    expect((await read('If-None-Match: "stale"')).status).toBe(200)
    expect((await read('If-Modified-Since: yesterday')).status).toBe(200)
  })

  it('K7: does not believe a date that has not come', async () => {
    expect((await read('If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT')).status).toBe(200)
  })
})

describe('a reader that leaves', () => {
  it('ends the download, which is no fault', async () => {
    const large = await startServer({ policy: { maxFileSize: 32 * MAX_FILE } })
    const media = await large.accepts(post(form(file(pngOf(32 * MAX_FILE)))))
    const wire = large.connect()
    await wire.send(get(`/media/${media.id}/content/`))
    expect(await wire.status()).toBe(200)
    const before = large.log.length
    wire.leave()
    await expect.poll(() => large.log.slice(before)).toMatchObject([{ level: 'warn', code: 'client-left' }])
    await large.close()
  })
})

describe('a file that the storage has lost', () => {
  it('K8: is a fault of the storage, or a broken connection', async () => {
    let files = ''
    const broken = await startServer({
      wrapStorage: (storage, folder) => {
        files = join(folder, 'files')
        return storage
      },
    })
    const path = async (): Promise<string> => {
      const [key = ''] = (await broken.stored()).map(({ storageKey }) => storageKey)
      return join(files, key.slice(-2), key)
    }
    const large = noise(900_000)
    const media = await broken.accepts(post(form(file(concat(PNG, large)))))

    await truncate(await path(), 500_000)
    const wire = broken.connect()
    await wire.send(get(`/media/${media.id}/content/`))
    await expect(wire.answer()).rejects.toThrow('closed')
    expect(broken.log.at(-1)).toMatchObject({
      level: 'error',
      err: new Error('The storage returned 500000 of 900067 bytes.'),
    })
    expect((await broken.exchange(get(`/media/${media.id}/`))).status).toBe(200)

    await rm(await path())
    expectProblem(await broken.exchange(get(`/media/${media.id}/content/`)), 502, 'storage-error')
    await broken.close()
  })
})
