import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PNG, pngOf } from '../../samples.ts'
import { type Accepted, startServer, type TestServer } from '../harness.ts'
import { type Bytes, field, file, form, part, post } from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const accepts = (...fields: Buffer[]): Promise<Accepted> =>
  server.accepts(post(form(...fields, file(PNG, 'photo.png'))))

/** Whether the field comes before the file or after it. */
async function refuses(name: string, value: Bytes, status: number, code: string): Promise<void> {
  await server.refuses(post(form(field(name, value), file())), status, code)
  await server.refuses(post(form(file(pngOf(50_000)), field(name, value))), status, code)
}

const prototypeKeys = Object.getOwnPropertyNames(Object.prototype)
afterEach(() => expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeKeys))

describe('a field name', () => {
  it.each([
    '__proto__',
    '__proto__[x]',
    'constructor[prototype][x]',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
  ])('D1: %s is not accepted', async (name) => {
    await refuses(name, 'x', 400, 'invalid-field-name')
  })

  it.each([
    'a[b][c]',
    `a${'[b]'.repeat(15)}`,
    'tags[4294967294]',
    'tags[4294967295]',
    'tags[1e9]',
    'tags[]',
    'a]',
    '[',
  ])('D2: %s is not accepted', async (name) => {
    await refuses(name, 'x', 400, 'invalid-field-name')
  })

  it('D2: with 5,000 nested brackets is not accepted', async () => {
    await refuses(`a${'['.repeat(5000)}${']'.repeat(5000)}`, 'x', 400, 'field-too-large')
  })

  it.each(['title[$gt]', 'title[$where]'])('D3: %s is not accepted', async (name) => {
    await refuses(name, '1', 400, 'invalid-field-name')
  })

  it.each([
    'id',
    'ownerId',
    'owner',
    'status',
    'state',
    'version',
    'mime_type',
    'created_at',
    'constructorx',
    'a.b',
    '$where',
  ])('D13: %s is ignored', async (name) => {
    const media = await accepts(field(name, 'mine'), field('title', 'T'))
    expect(media).toMatchObject({ title: 'T', version: 1, mime_type: 'image/png' })
    expect(JSON.stringify(media)).not.toContain('mine')
  })

  it.each(['http://169.254.169.254/', 'file:///etc/passwd', 'gopher://x/', 'data:image/png;base64,iVBORw0KGgo='])(
    'D14: an address is no file: %s',
    async (address) => {
      await server.refuses(post(form(field('url', address))), 400, 'missing-file')
      await server.refuses(post(form(field('file', address))), 400, 'missing-file')
      const { url } = await accepts(field('url', address))
      expect(url).toMatch(server.url)
    },
  )
})

describe('a title', () => {
  it('D4: can be given once', async () => {
    await server.refuses(post(form(field('title', 'a'), field('title', 'b'), file())), 422, 'invalid-title')
    await server.refuses(
      post(form(field('title', 'a'), file(pngOf(50_000)), field('title', 'a'))),
      422,
      'invalid-title',
    )
    await server.refuses(post(form(field('title', ''), file(), field('title', ''))), 422, 'invalid-title')
  })

  it('D5: is the stem of the name when there is none', async () => {
    expect(await accepts()).toMatchObject({ title: 'photo' })
    expect(await accepts(field('title', ''))).toMatchObject({ title: 'photo' })
  })

  it.each([' ', ' \t ', '\u200b', '\u00a0\u200b\ufeff', '\u2060'])('D5: must show something: %j', async (title) => {
    await refuses('title', title, 422, 'invalid-title')
  })

  it('D5: has at most 200 characters, however many bytes', async () => {
    for (const character of ['x', 'ä', '😀']) {
      expect(await accepts(field('title', character.repeat(200)))).toMatchObject({ title: character.repeat(200) })
      await refuses('title', character.repeat(201), 422, 'invalid-title')
    }
  })

  it('D5: is NFC and trimmed', async () => {
    expect(await accepts(field('title', '  Cafe\u0301 am See \t'))).toMatchObject({ title: 'Caf\u00e9 am See' })
  })

  it('D6: has no NUL', async () => {
    await refuses('title', 'a\0b', 422, 'invalid-title')
    await refuses('title', '\0', 422, 'invalid-title')
  })

  it.each([
    ['a byte that can not be', [0x61, 0xff]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a lone surrogate', [0xed, 0xa0, 0x80]],
    ['half a character', [0x61, 0xf0, 0x9f, 0x98]],
    ['Latin-1', [0x47, 0x72, 0xf6, 0xdf, 0x65]],
  ])('D7: is UTF-8, without %s', async (_, bytes) => {
    await refuses('title', Buffer.from(bytes), 422, 'invalid-title')
    await refuses('tags', Buffer.from(bytes), 422, 'invalid-tag')
  })

  it('D7: in a character set that nobody knows is not lost in silence', async () => {
    const headers = 'Content-Disposition: form-data; name="title"\r\nContent-Type: text/plain; charset=x-unknown'
    await server.refuses(post(form(part(headers, 'T'), file())), 400, 'malformed-multipart')
    await server.refuses(post(form(file(pngOf(50_000)), part(headers, 'T'))), 400, 'malformed-multipart')
  })

  it.each([
    '\u202e',
    '\u2066',
    '\u0007',
    '\u001b[31m',
    '\u0085',
    '\u009b',
    '\u2028',
    '\u2029',
    '\r\n',
    '\n',
    '\t',
    '\x7f',
  ])('D8: has no %j', async (control) => {
    await refuses('title', `a${control}b`, 422, 'invalid-title')
    await refuses('tags', `a${control}b`, 422, 'invalid-tag')
  })
})
