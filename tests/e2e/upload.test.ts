import { describe, expect, it } from 'vitest'
import { PDF, pngOf, sha256 } from '../samples.ts'
import { type Accepted, expectProblem, MAX_FILE_BYTES, serverForFile, startServer } from './harness.ts'
import { begin, chunk, concat, field, file, form, get, headOf, LAST_CHUNK, post, postChunked } from './multipart.ts'
import { json } from './wire.ts'

const server = await serverForFile()

describe('An upload', () => {
  it('returns the whole media item and its headers', async () => {
    const bytes = pngOf(20_000)
    const answer = await server.exchange(
      post(
        form(
          field('title', ' My photo '),
          field('tags', 'Sea,sun'),
          file(bytes, 'dir/IMG 1.png'),
          field('tags', 'sky'),
          field('sha256', sha256(bytes).toUpperCase()),
        ),
      ),
    )
    const row = (await server.stored()).at(-1)
    expect(answer.status).toBe(201)
    expect(json(answer)).toEqual({
      id: row?.id,
      filename: 'IMG 1.png',
      file_id: `${row?.id}.${row?.attempt}`,
      url: `${server.url}/media/${row?.id}/content/`,
      mime_type: 'image/png',
      size_bytes: 20_000,
      created_at: row?.createdAt.toISOString(),
      title: 'My photo',
      tags: ['sea', 'sun', 'sky'],
      sha256: sha256(bytes),
      version: 1,
    })
    expect(row?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(answer.headers).toMatchObject({
      location: `${server.url}/media/${row?.id}/`,
      etag: `"${row?.attempt}-1"`,
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': expect.any(String),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
  })

  it('can be read and downloaded', async () => {
    const bytes = pngOf(300_000)
    const uploaded = await server.exchange(post(form(file(bytes))))
    const { id } = json(uploaded)
    const shown = await server.exchange(get(`/media/${id}/`))
    expect([shown.status, json(shown), shown.headers['etag']]).toEqual([200, json(uploaded), uploaded.headers['etag']])
    const again = await server.exchange(get(`/media/${id}/`, `If-None-Match: ${shown.headers['etag']}`))
    expect([again.status, again.body.length]).toEqual([304, 0])

    const content = await server.exchange(get(`/media/${id}/content/`))
    expect([content.status, content.body.equals(bytes)]).toEqual([200, true])
    expect(content.headers).toMatchObject({
      etag: `"${sha256(bytes)}"`,
      'repr-digest': `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`,
      'content-length': '300000',
      'accept-ranges': 'bytes',
    })
    const some = await server.exchange(get(`/media/${id}/content/`, 'Range: bytes=250000-260000'))
    expect([some.status, some.body.equals(bytes.subarray(250_000, 260_001))]).toEqual([206, true])
    expect(some.headers['repr-digest']).toBe(content.headers['repr-digest'])
  })

  it('accepts a form of fetch', async () => {
    const data = new FormData()
    data.append('title', 'Größe')
    data.append('file', new Blob([Uint8Array.from(PDF)]), 'Ä "1".pdf')
    const response = await fetch(`${server.url}/upload/`, { method: 'POST', body: data })
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({ title: 'Größe', filename: 'Ä "1".pdf', mime_type: 'application/pdf' })
  })

  it('gets the same answer with and without a Content-Length', async () => {
    const body = form(field('title', 'T'), file(pngOf(200_000)))
    const { id: _, file_id: __, url: ___, created_at: ____, ...common } = json(await server.exchange(post(body)))
    const chunks = [body.subarray(0, 10), body.subarray(10, 100_000), body.subarray(100_000)].map(chunk)
    expect(await server.accepts(concat(postChunked(), ...chunks, LAST_CHUNK))).toMatchObject(common)
  })

  it('can follow others on one connection, also without waiting for their answers', async () => {
    const wire = server.connect()
    for (let index = 0; index < 5; index++) {
      await wire.send(post(form(field('title', `${index}`), file(pngOf(50_000)))))
      expect(json(await wire.answer())).toMatchObject({ title: `${index}` })
    }
    await wire.send(concat(post(form(file())), post(form(file('junk'))), get('/ping/')))
    expect((await wire.answer()).status).toBe(201)
    expectProblem(await wire.answer(), 415, 'unsupported-file-type')
  })

  it('gets 100 Continue if the client expects it', async () => {
    const body = form(file(pngOf(50_000)))
    const wire = await server.connect().send(headOf(post(body, 'Expect: 100-continue')))
    expect(await wire.status()).toBe(100)
    await wire.send(body)
    expect((await wire.answer()).status).toBe(201)
    const { interim } = await server.exchange(post(body, 'Expect: 100-continue'))
    expect(interim).toEqual([100])
  })

  it.each([
    ['too large', `Content-Length: ${3 * MAX_FILE_BYTES}`, 413, 'too-large'],
    ['another type', 'Content-Type: text/plain', 415, 'unsupported-media-type'],
    ['compressed', 'Content-Encoding: gzip', 415, 'unsupported-content-encoding'],
    ['another site', 'Sec-Fetch-Site: cross-site', 403, 'cross-site'],
    ['credentials', 'Authorization: Bearer x', 401, 'unauthenticated'],
  ])('gets no 100 Continue if it is refused by its headers: %s', async (_, header, status, code) => {
    const wire = await server.connect().send(headOf(post(form(file()), 'Expect: 100-continue', header)))
    const answer = await wire.answer()
    expectProblem(answer, status, code)
    expect(answer.interim).toEqual([])
    await wire.closed()
  })

  it('does not wait for another upload that makes no progress', async () => {
    const wire = await server.connect().send(post(begin(file(pngOf(50_000))), 'Content-Length: 500000'))
    await server.untilReceiving()
    await server.accepts(post(form(file())))
    wire.leave()
  })
})

describe('Every path', () => {
  it.each(['/ping', '/healthcheck', '/media', '/media/{id}', '/media/{id}/content'])(
    'is the same with and without a trailing slash: %s',
    async (path) => {
      const { id } = await server.accepts(post(form(file())))
      const target = path.replace('{id}', id)
      const answers = [await server.exchange(get(target)), await server.exchange(get(`${target}/`))]
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(answers[0]?.body).toEqual(answers[1]?.body)
    },
  )

  it('is the same with and without a trailing slash: /upload', async () => {
    const request = post(form(file())).toString('latin1').replace('/upload/', '/upload')
    await server.accepts(Buffer.from(request, 'latin1'))
  })
})

describe('A request', () => {
  it.each([
    ['/ping', 'debug'],
    ['/healthcheck/', 'debug'],
    ['/media/', 'info'],
  ])('is logged at a level that suits its frequency: %s at %s', async (path, level) => {
    await server.exchange(get(path))
    expect(server.log.at(-1)).toMatchObject({ path, level })
  })
})

describe('The list', () => {
  it('shows every media item once, newest first, in pages', async () => {
    const other = await startServer()
    const titles = Array.from({ length: 25 }, (_, index) => `${index}`)
    for (const title of titles) await other.accepts(post(form(field('title', title), field('tags', 'a'), file())))
    await other.refuses(post(form(file(), file())), 400, 'too-many-files')
    const page = async (query: string): Promise<{ items: Accepted[]; next: string | null }> =>
      json(await other.exchange(get(`/media/${query}`)))

    const shown: string[] = []
    let { items, next } = await page('?limit=10')
    while (next !== null) {
      shown.push(...items.map(({ title }) => title))
      await other.accepts(post(form(field('title', 'newer'), file())))
      ;({ items, next } = await page(`?limit=10&cursor=${next}`))
    }
    shown.push(...items.map(({ title }) => title))
    expect(shown).toEqual(titles.toReversed())

    expect((await page('')).items).toHaveLength(20)
    expect((await page('?tag=A&limit=100')).items).toHaveLength(25)
    expect(await page('?tag=b')).toEqual({ items: [], next: null })
    const [first] = (await page('?limit=1&tag=a')).items
    expect(first).toEqual(json(await other.exchange(get(`/media/${first?.id}/`))))
  })
})
