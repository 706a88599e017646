import { afterEach, describe, expect, it } from 'vitest'
import { PNG, pngOf } from '../../samples.ts'
import { type Accepted, serverForFile } from '../harness.ts'
import { field, file, form, part, post } from '../multipart.ts'

const server = await serverForFile()

const accepts = (...fields: Buffer[]): Promise<Accepted> =>
  server.accepts(post(form(...fields, file(PNG, 'photo.png'))))

const prototypeKeys = Object.getOwnPropertyNames(Object.prototype)
afterEach(() => expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeKeys))

describe('Field names', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'a field with the name of a property of every object is refused with 400 invalid-field-name: %s',
    (name) => server.refusesField(name, 'x'),
  )

  it.each([
    '__proto__[x]',
    'constructor[prototype][x]',
    'a[b][c]',
    `a${'[b]'.repeat(15)}`,
    'tags[4294967294]',
    'tags[4294967295]',
    'tags[1e9]',
    'tags[]',
    'a]',
    '[',
    'title[$gt]',
    'title[$where]',
  ])('a field with brackets in its name is refused with 400 invalid-field-name: %s', (name) =>
    server.refusesField(name, '1'),
  )

  it('a field with 5,000 nested brackets in its name is refused with 400 field-too-large', () =>
    server.refusesField(`a${'['.repeat(5000)}${']'.repeat(5000)}`, 'x'))

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
  ])('a field with an unknown name is ignored: %s', async (name) => {
    const media = await accepts(field(name, 'mine'), field('title', 'T'))
    expect(media).toMatchObject({ title: 'T', version: 1, mime_type: 'image/png' })
    expect(JSON.stringify(media)).not.toContain('mine')
  })

  it.each(['http://169.254.169.254/', 'file:///etc/passwd', 'gopher://x/', 'data:image/png;base64,iVBORw0KGgo='])(
    'a form with a URL instead of a file is refused with 400 missing-file: %s',
    async (address) => {
      await server.refuses(post(form(field('url', address))))
      await server.refuses(post(form(field('file', address))))
      const { url } = await accepts(field('url', address))
      expect(url).toMatch(server.url)
    },
  )
})

describe('Titles', () => {
  it('a second title is refused with 422 invalid-title', async () => {
    await server.refuses(post(form(field('title', 'a'), field('title', 'b'), file())))
    await server.refuses(post(form(field('title', 'a'), file(pngOf(50_000)), field('title', 'a'))))
    await server.refuses(post(form(field('title', ''), file(), field('title', ''))))
  })

  it('a title that is absent or empty is replaced by the file name without its extension', async () => {
    expect(await accepts()).toMatchObject({ title: 'photo' })
    expect(await accepts(field('title', ''))).toMatchObject({ title: 'photo' })
  })

  it.each([' ', ' \t ', '\u200b', '\u00a0\u200b\ufeff', '\u2060'])(
    'a title without a visible character is refused with 422 invalid-title: %j',
    (title) => server.refusesField('title', title),
  )

  it.each(['x', 'ä', '😀'])('a title of more than 200 characters is refused with 422 invalid-title: %s', async (c) => {
    expect(await accepts(field('title', c.repeat(200)))).toMatchObject({ title: c.repeat(200) })
    await server.refusesField('title', c.repeat(201))
  })

  it('a title is normalized to NFC and trimmed', async () => {
    expect(await accepts(field('title', '  Cafe\u0301 am See \t'))).toMatchObject({ title: 'Caf\u00e9 am See' })
  })

  it('a title with NUL is refused with 422 invalid-title', async () => {
    await server.refusesField('title', 'a\0b')
    await server.refusesField('title', '\0')
  })
})

describe('Titles and tags', () => {
  const NOT_UTF8: [string, number[]][] = [
    ['an impossible byte', [0x61, 0xff]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a lone surrogate', [0xed, 0xa0, 0x80]],
    ['an incomplete character', [0x61, 0xf0, 0x9f, 0x98]],
    ['Latin-1', [0x47, 0x72, 0xf6, 0xdf, 0x65]],
  ]

  it.each(NOT_UTF8)('a title that is not valid UTF-8 is refused with 422 invalid-title: %s', (_, bytes) =>
    server.refusesField('title', Buffer.from(bytes)),
  )

  it.each(NOT_UTF8)('a tag that is not valid UTF-8 is refused with 422 invalid-tag: %s', (_, bytes) =>
    server.refusesField('tags', Buffer.from(bytes)),
  )

  it('a field with an unknown character set is refused with 400 malformed-multipart', async () => {
    const headers = 'Content-Disposition: form-data; name="title"\r\nContent-Type: text/plain; charset=x-unknown'
    await server.refuses(post(form(part(headers, 'T'), file())))
    await server.refuses(post(form(file(pngOf(50_000)), part(headers, 'T'))))
  })

  const CONTROLS = [
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
  ]

  it.each(CONTROLS)(
    'a title with a line break, control or bidirectional character is refused with 422 invalid-title: %j',
    (control) => server.refusesField('title', `a${control}b`),
  )

  it.each(CONTROLS)(
    'a tag with a line break, control or bidirectional character is refused with 422 invalid-tag: %j',
    (control) => server.refusesField('tags', `a${control}b`),
  )
})
