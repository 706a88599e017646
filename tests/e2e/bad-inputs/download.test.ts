import { createHash } from 'node:crypto'
import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GIF, PDF, PNG, pngOf } from '../../samples.ts'
import { expectProblem, MAX_FILE_BYTES, serverForFile, startServer } from '../harness.ts'
import { concat, field, file, form, get, post } from '../multipart.ts'

const server = await serverForFile()
const content = pngOf(5000)
const { id } = await server.accepts(post(form(file(content), field('tags', 'a'))))

const read = (...headers: string[]) => server.exchange(get(`/media/${id}/content/`, ...headers))

describe('Downloads', () => {
  it.each([
    ['an image', PNG, 'image/png', 'inline'],
    ['an image followed by HTML', concat(GIF, '<html><script>alert(1)</script>'), 'image/gif', 'inline'],
    ['a document', PDF, 'application/pdf', 'attachment'],
  ])('a download has headers that prevent browsers from running it: %s', async (_, bytes, type, kind) => {
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
  ])('a download has its file name in one Content-Disposition header: %s', async (name, expected) => {
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
  ])('a range that overlaps the file is answered with 206: %s', async (range, start, end) => {
    const { status, headers, body } = await read(`Range: bytes=${range}`)
    expect(status).toBe(206)
    expect(headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/5000`,
      'content-length': String(end - start + 1),
    })
    expect(body.equals(content.subarray(start, end + 1))).toBe(true)
  })

  it.each(['5000-', '-0', '5000-6000', '99999-'])(
    'a range outside the file is refused with 416 range-not-satisfiable: %s',
    async (range) => {
      const { headers } = await server.refuses(get(`/media/${id}/content/`, `Range: bytes=${range}`))
      expect(headers).toMatchObject({ 'content-range': 'bytes */5000' })
    },
  )

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
  ])('a Range header that is malformed or has several ranges is ignored: %s', async (range) => {
    const { status, headers, body } = await read(`Range: ${range}`)
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'content-type': 'image/png', 'content-length': '5000' })
    expect(body.equals(content)).toBe(true)
  })

  it('a download respects If-Range and If-None-Match', async () => {
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

  it('an If-Modified-Since date in the future is ignored', async () => {
    expect((await read('If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT')).status).toBe(200)
  })

  it('a client that disconnects during a download causes a warning in the log and no error', async () => {
    const large = await startServer({ policy: { maxFileSize: 32 * MAX_FILE_BYTES } })
    const media = await large.accepts(post(form(file(pngOf(32 * MAX_FILE_BYTES)))))
    const wire = await large.connect().send(get(`/media/${media.id}/content/`))
    expect(await wire.status()).toBe(200)
    const before = large.log.length
    wire.leave()
    await expect.poll(() => large.log.slice(before)).toMatchObject([{ level: 'warn', code: 'client-left' }])
  })
})

describe('Files that the storage has lost', () => {
  /** A server with one media item, and the path of its file. */
  async function startWithFile() {
    let files = ''
    const broken = await startServer({
      wrapStorage: (storage, folder) => {
        files = join(folder, 'files')
        return storage
      },
    })
    const { id } = await broken.accepts(post(form(file(pngOf(900_067)))))
    const [key = ''] = (await broken.stored()).map(({ storageKey }) => storageKey)
    return { broken, id, path: join(files, key.slice(-2), key) }
  }

  it('a download of a file that was truncated in the storage is cut off', async () => {
    const { broken, id, path } = await startWithFile()
    await truncate(path, 500_000)
    const wire = await broken.connect().send(get(`/media/${id}/content/`))
    await expect(wire.answer()).rejects.toThrow('closed')
    expect(broken.log.at(-1)).toMatchObject({
      level: 'error',
      err: new Error('The storage returned 500000 of 900067 bytes.'),
    })
    expect((await broken.exchange(get(`/media/${id}/`))).status).toBe(200)
  })

  it('a download of a file that is missing from the storage is refused with 502 storage-error', async () => {
    const { broken, id, path } = await startWithFile()
    await rm(path)
    expectProblem(await broken.exchange(get(`/media/${id}/content/`)))
  })
})
