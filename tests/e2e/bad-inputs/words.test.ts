import { array, assert, asyncProperty, integer } from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PNG, pngOf } from '../../samples.ts'
import { type Accepted, startServer, type TestServer } from '../harness.ts'
import { type Bytes, chunk, concat, field, file, form, LAST_CHUNK, post, postChunked } from '../multipart.ts'
import { NAUGHTY } from './naughty-strings.ts'

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

describe('tags', () => {
  it('D9: are one in every spelling', async () => {
    expect(await accepts(field('tags', 'Caf\u00e9,CAFE\u0301'), field('tags', 'cafe\u0301'))).toMatchObject({
      tags: ['caf\u00e9'],
    })
  })

  it('D9: are separated by commas or repeated, in their order, and empty ones are none', async () => {
    expect(await accepts(field('tags', 'b, a ,,b'), field('tags', ''), field('tags', ' c c '))).toMatchObject({
      tags: ['b', 'a', 'c c'],
    })
    expect(await accepts(field('tags', ''))).toMatchObject({ tags: [] })
  })

  it('D10: are at most 32', async () => {
    const tags = Array.from({ length: 33 }, (_, index) => `t${index}`)
    expect((await accepts(field('tags', tags.slice(1).join(',')), field('tags', 't1'))).tags).toEqual(tags.slice(1))
    await refuses('tags', tags.join(','), 422, 'invalid-tag')
  })

  it('D10: have at most 64 characters', async () => {
    for (const character of ['x', 'ä', '😀']) {
      expect(await accepts(field('tags', character.repeat(64)))).toMatchObject({ tags: [character.repeat(64)] })
      await refuses('tags', character.repeat(65), 422, 'invalid-tag')
    }
  })

  it('D10: have no line break and no NUL, and are not huge', async () => {
    await refuses('tags', 'a\r\nb', 422, 'invalid-tag')
    await refuses('tags', 'good,a\0b', 422, 'invalid-tag')
    await refuses('tags', '\u200b', 422, 'invalid-tag')
    await refuses('tags', 'x'.repeat(1024 * 1024), 400, 'field-too-large')
  })

  it.each(['a:b', '*', 'a?', '[a]', 'a b', '"a"', "'a'", 'media:title:*', '\\', '{a}'])(
    'D10a: may be %s',
    async (tag) => {
      expect(await accepts(field('tags', tag))).toMatchObject({ tags: [tag] })
    },
  )
})

describe('words that mean something elsewhere', () => {
  it.each([
    '{"$ne":1}',
    'a.b',
    '$where',
    "'; DROP TABLE media_job; --",
    '{{7*7}}',
    '${jndi:ldap://x/a}',
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '%s%n%00',
    '../../etc/passwd',
  ])('D11: are words: %s', async (word) => {
    const { id, ...media } = await accepts(field('title', word), field('tags', word))
    expect(media).toMatchObject({ title: word, tags: [word.toLowerCase()] })
    expect(await server.mediaport.getMedia(id)).toMatchObject({ value: { title: word, tags: [word.toLowerCase()] } })
  })

  it('D11: are refused with a line break', async () => {
    await refuses('title', 'a\r\nFLUSHALL\r\nb', 422, 'invalid-title')
    await refuses('tags', 'a\r\nFLUSHALL\r\nb', 422, 'invalid-tag')
  })

  it.each(NAUGHTY)('D12: %j is a title, a tag and a name', async (word) => {
    expect(await accepts(field('title', word), field('tags', word))).toMatchObject({
      title: word.normalize('NFC').trim(),
      tags: [word.toLowerCase().normalize('NFC').trim()],
    })
    const { filename } = await server.accepts(post(form(file(PNG, quoted(word)))))
    expect(
      word
        .normalize('NFC')
        .replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
        .split(/[/\\]/)
        .at(-1)
        ?.trim(),
    ).toBe(filename)
  })

  it('D12: any text is taken as it is or refused', async () => {
    await assert(
      asyncProperty(array(CODE_POINT, { maxLength: 210 }), async (word) => {
        const well = String.fromCodePoint(...word).toWellFormed()
        const answer = await server.exchange(post(form(field('title', well), file())))
        expect([201, 422]).toContain(answer.status)
        if (answer.status === 201 && well !== '')
          expect(JSON.parse(answer.body.toString()).title).toBe(well.normalize('NFC').trim())
      }),
      { numRuns: 100 },
    )
  })
})

describe('the digest', () => {
  it.each(['x', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}g`, ` ${'a'.repeat(64)}`])(
    'must be a SHA-256: %j is not',
    async (digest) => {
      await refuses('sha256', digest, 422, 'invalid-sha256')
    },
  )

  it('must be that of the bytes', async () => {
    await refuses('sha256', 'a'.repeat(64), 422, 'digest-mismatch')
    const body = form(file(pngOf(50_000)), field('sha256', 'a'.repeat(64)))
    await server.refuses(concat(postChunked(), chunk(body), LAST_CHUNK), 422, 'digest-mismatch')
  })
})

const CODE_POINT = integer({ min: 0, max: 0x10ffff })

/** As a browser writes it into a header, but for the backslash, which it leaves and a parser takes for an escape. */
const quoted = (name: string): string =>
  name.replaceAll('\\', '\\\\').replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
