import { v7 } from 'uuid'
import { describe, expect, it } from 'vitest'
import { pngOf } from '../../samples.ts'
import { serverForFile } from '../harness.ts'
import { concat, field, file, form, get, post, request } from '../multipart.ts'
import { json } from '../wire.ts'

const server = await serverForFile()
const { id } = await server.accepts(post(form(file(pngOf(5000)), field('tags', 'a'))))

describe('Media ids', () => {
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
    v7(),
  ])('an unknown media id is refused with 404 not-found: %s', async (unknown) => {
    if (unknown !== '') await server.refuses(get(`/media/${unknown}/`))
    await server.refuses(get(`/media/${unknown}/content/`))
  })

  it.each([id.toUpperCase(), `{${id}}`, `${id}%20`, `${id}%00`, id.slice(0, -1), `urn:uuid:${id}`])(
    'a media id in another spelling is refused with 404 not-found: %s',
    async (other) => {
      await server.refuses(get(`/media/${other}/`))
      await server.refuses(get(`/media/${other}/content/`))
    },
  )

  it('the id of an abandoned upload is refused with 404 not-found', async () => {
    await server.refuses(post(form(file(pngOf(50_000)), field('title', '\0'))), 422, 'invalid-title')
    const abandoned = (await server.rows()).at(-1)
    expect(abandoned?.state).toBe('abandoned')
    await server.refuses(get(`/media/${abandoned?.id}/`))
    await server.refuses(get(`/media/${abandoned?.id}/content/`))
  })
})

describe('Query of the list', () => {
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
  ])('a limit that is not a whole number from 1 to 100 is refused with 400 invalid-query: %s', async (query) => {
    await server.refuses(get(`/media/?${query}`))
  })

  it.each(['limit=1&limit=2', 'cursor=a&cursor=b', 'tag=a&tag=b'])(
    'a repeated query parameter is refused with 400 invalid-query: %s',
    async (query) => {
      await server.refuses(get(`/media/?${query}`))
    },
  )

  it.each([
    'page=99999',
    'offset=1',
    'sort=id;--',
    'sort=created_at',
    'tag[$ne]=',
    'tag[]=a',
    'filter=x',
    '__proto__=x',
    'constructor=x',
    'LIMIT=1',
    '%00=1',
  ])('an unknown query parameter is refused with 400 invalid-query: %s', async (query) => {
    await server.refuses(get(`/media/?${query}`))
  })
})

describe('Cursors', async () => {
  for (const title of ['1', '2', '3'])
    await server.accepts(post(form(file(), field('title', title), field('tags', 'a'))))
  const cursorOf = async (query: string): Promise<string> => json(await server.exchange(get(`/media/?${query}`))).next
  const next = await cursorOf('tag=a&limit=1')
  const forge = (change: (text: string) => string, cursor = next): string =>
    Buffer.from(change(Buffer.from(cursor, 'base64url').toString())).toString('base64url')

  it.each([
    ['empty', ''],
    ['one letter', 'x'],
    ['incomplete', next.slice(0, -4)],
    ['5,000 letters', 'x'.repeat(5000)],
    ['an emoji', '%F0%9F%98%80'],
    ['a time beyond all numbers', forge((text) => text.replace(/^\d+/, '99999999999999999999'))],
    ['a negative time', forge((text) => text.replace(/^\d+/, '-1'))],
    ['SQL', forge((text) => text.replace(/ .* /, " ' OR 1=1 "))],
  ])('a malformed cursor is refused with 400 invalid-cursor: %s', async (_, cursor) => {
    await server.refuses(get(`/media/?tag=a&limit=1&cursor=${cursor}`))
  })

  it('a cursor of the list of another tag is refused with 400 invalid-cursor', async () => {
    await server.refuses(get(`/media/?cursor=${next}`))
    await server.refuses(get(`/media/?tag=b&cursor=${next}`))
    expect((await server.exchange(get(`/media/?tag=A&limit=2&cursor=${next}`))).status).toBe(200)
  })

  it.each([
    ['without its start', (text: string) => text.slice(3)],
    ['with another time', (text: string) => text.replace(/^\d+/, '1')],
    ['with another id', (text: string) => text.replace(/ .* /, ` ${v7()} `)],
  ])('a forged cursor is refused with 400 invalid-cursor: %s', async (_, change) => {
    const cursor = forge(change, await cursorOf('limit=1'))
    await server.refuses(get(`/media/?cursor=${cursor}`))
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
  ])('a HEAD request gets the headers of GET and no body: %s %j', async (path, headers) => {
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

describe('Health check', () => {
  it('the health check tells whether the services answer and nothing about the software', async () => {
    const answer = await server.exchange(get('/healthcheck/'))
    expect([answer.status, json(answer)]).toEqual([200, { status: 'ok', checks: { database: 'up', storage: 'up' } }])
    const { headers } = answer
    expect(headers).not.toHaveProperty('server')
    expect(headers).not.toHaveProperty('x-powered-by')
    await server.refuses(get('/metrics/'), 404, 'not-found')
  })
})
