import { v7 } from 'uuid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pngOf } from '../../samples.ts'
import { startServer, type TestServer } from '../harness.ts'
import { concat, field, file, form, get, post, request } from '../multipart.ts'

let server: TestServer
let id: string
beforeAll(async () => {
  server = await startServer()
  id = (await server.accepts(post(form(file(pngOf(5000)), field('tags', 'a'))))).id
})
afterEach(() => server.works())
afterAll(() => server.close())

describe('an id', () => {
  it.each([
    'x',
    '0',
    "1'--",
    '00000000-0000-0000-0000-000000000000',
    '../x',
    '..%2fx',
    'x'.repeat(10_240),
    '%F0%9F%98%80',
    'null',
    '__proto__',
    '',
  ])('J1: %s is no media', async (unknown) => {
    if (unknown !== '') await server.refuses(get(`/media/${unknown}/`), 404, 'not-found')
    await server.refuses(get(`/media/${unknown}/content/`), 404, 'not-found')
  })

  it('J1: unknown, in upper case or with something around it is no media', async () => {
    for (const other of [
      v7(),
      id.toUpperCase(),
      `{${id}}`,
      `${id}%20`,
      `${id}%00`,
      id.slice(0, -1),
      `urn:uuid:${id}`,
    ]) {
      await server.refuses(get(`/media/${other}/`), 404, 'not-found')
      await server.refuses(get(`/media/${other}/content/`), 404, 'not-found')
    }
  })

  it('J1: of an upload that was given up is no media', async () => {
    await server.refuses(post(form(file(pngOf(50_000)), field('title', '\0'))), 422, 'invalid-title')
    const abandoned = (await server.rows()).at(-1)
    expect(abandoned?.state).toBe('abandoned')
    await server.refuses(get(`/media/${abandoned?.id}/`), 404, 'not-found')
    await server.refuses(get(`/media/${abandoned?.id}/content/`), 404, 'not-found')
  })
})

describe('a query', () => {
  it.each([
    'limit=0',
    'limit=-1',
    'limit=abc',
    'limit=1e9',
    'limit=1000000000',
    'limit=101',
    'limit=1.5',
    'limit=',
    'limit=%201',
    'limit=0x1',
    'limit=1&limit=2',
    'page=99999',
    'offset=1',
    'cursor=a&cursor=b',
    'tag=a&tag=b',
  ])('J2: %s is refused', async (query) => {
    await server.refuses(get(`/media/?${query}`), 400, 'invalid-query')
  })

  it.each([
    'sort=id;--',
    'sort=created_at',
    'tag[$ne]=',
    'tag[]=a',
    'filter=x',
    '__proto__=x',
    'constructor=x',
    'LIMIT=1',
    '%00=1',
  ])('J4: %s is refused', async (query) => {
    await server.refuses(get(`/media/?${query}`), 400, 'invalid-query')
  })

  it('J3: with a cursor that is not ours is refused', async () => {
    for (const title of ['1', '2', '3'])
      await server.accepts(post(form(file(), field('title', title), field('tags', 'a'))))
    const page = await server.exchange(get('/media/?tag=a&limit=1'))
    const { next }: { next: string } = JSON.parse(page.body.toString())
    const plain = Buffer.from(next, 'base64url').toString()
    const bad = [
      '',
      'x',
      next.slice(0, -4),
      'x'.repeat(5000),
      '%F0%9F%98%80',
      encoded(plain.replace(/^\d+/, '99999999999999999999')),
      encoded(plain.replace(/^\d+/, '-1')),
      encoded(plain.replace(/ .* /, " ' OR 1=1 ")),
    ]
    for (const cursor of bad) await server.refuses(get(`/media/?tag=a&limit=1&cursor=${cursor}`), 400, 'invalid-cursor')
    await server.refuses(get(`/media/?cursor=${next}`), 400, 'invalid-cursor')
    await server.refuses(get(`/media/?tag=b&cursor=${next}`), 400, 'invalid-cursor')
    expect((await server.exchange(get(`/media/?tag=A&limit=2&cursor=${next}`))).status).toBe(200)
  })
})

describe('a cursor', () => {
  it.each([
    ['without its beginning', (text: string) => text.slice(3)],
    ['of another time', (text: string) => text.replace(/^\d+/, '1')],
    ['of another id', (text: string) => text.replace(/ .* /, ` ${v7()} `)],
  ])('J3: %s is refused', async (_, forge) => {
    await server.accepts(post(form(file(), field('tags', 'a'))))
    const page = await server.exchange(get('/media/?limit=1'))
    const { next }: { next: string } = JSON.parse(page.body.toString())
    const cursor = encoded(forge(Buffer.from(next, 'base64url').toString()))
    await server.refuses(get(`/media/?cursor=${cursor}`), 400, 'invalid-cursor')
  })
})

describe('HEAD', () => {
  it.each([
    ['/ping/', []],
    ['/healthcheck/', []],
    ['/media/', []],
    ['/media/?limit=0', []],
    ['/nothing/', []],
    ['/media/{id}/', []],
    ['/media/{id}/content/', []],
    ['/media/{id}/content/', ['Range: bytes=0-9']],
    ['/media/{id}/content/', ['Range: bytes=9999-']],
  ])('J9: %s has the headers of GET and no body %j', async (path, headers) => {
    const target = path.replace('{id}', id)
    const wire = server.connect()
    await wire.send(concat(request(`HEAD ${target}`, headers), get(target, ...headers)))
    const [toHead, toGet] = [await wire.answer({ toHead: true }), await wire.answer()]
    expect(toHead.status).toBe(toGet.status)
    const { date: _, 'x-request-id': requestId, ...rest } = toGet.headers
    expect(requestId).not.toBe(toHead.headers['x-request-id'])
    expect(toHead.headers).toMatchObject(rest)
    expect(Object.keys(toHead.headers)).toHaveLength(Object.keys(toGet.headers).length)
  })
})

describe('what anybody may know', () => {
  it('N9: is whether the server is well, and nothing else', async () => {
    const { status, headers, body } = await server.exchange(get('/healthcheck/'))
    expect([status, JSON.parse(body.toString())]).toEqual([
      200,
      { status: 'ok', checks: { database: 'up', storage: 'up' } },
    ])
    expect(headers).not.toHaveProperty('server')
    expect(headers).not.toHaveProperty('x-powered-by')
    await server.refuses(get('/metrics/'), 404, 'not-found')
  })
})

const encoded = (cursor: string): string => Buffer.from(cursor).toString('base64url')
