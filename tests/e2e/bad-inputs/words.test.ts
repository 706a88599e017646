import { array, assert, asyncProperty, integer } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVERYONE } from '../../../src/application/owner.ts'
import { PNG, pngOf } from '../../samples.ts'
import { type Accepted, serverForFile } from '../harness.ts'
import { field, file, form, post, postInOneChunk } from '../multipart.ts'
import { json } from '../wire.ts'

const server = await serverForFile()

const accepts = (...fields: Buffer[]): Promise<Accepted> =>
  server.accepts(post(form(...fields, file(PNG, 'photo.png'))))

describe('Tags', () => {
  it('tags that differ only in case and normalization are one tag', async () => {
    expect(await accepts(field('tags', 'Caf\u00e9,CAFE\u0301'), field('tags', 'cafe\u0301'))).toMatchObject({
      tags: ['caf\u00e9'],
    })
  })

  it('tags are separated by commas or by fields, keep their order, and are ignored if they are empty', async () => {
    expect(await accepts(field('tags', 'b, a ,,b'), field('tags', ''), field('tags', ' c c '))).toMatchObject({
      tags: ['b', 'a', 'c c'],
    })
    expect(await accepts(field('tags', ''))).toMatchObject({ tags: [] })
  })

  it('a form with more than 32 tags is refused with 422 invalid-tag', async () => {
    const tags = Array.from({ length: 33 }, (_, index) => `t${index}`)
    expect((await accepts(field('tags', tags.slice(1).join(',')), field('tags', 't1'))).tags).toEqual(tags.slice(1))
    await server.refusesField('tags', tags.join(','))
  })

  it.each(['x', 'ä', '😀'])('a tag of more than 64 characters is refused with 422 invalid-tag: %s', async (c) => {
    expect(await accepts(field('tags', c.repeat(64)))).toMatchObject({ tags: [c.repeat(64)] })
    await server.refusesField('tags', c.repeat(65))
  })

  it.each(['a\r\nb', 'good,a\0b', '\u200b'])(
    'a tag with a line break, NUL or no visible character is refused with 422 invalid-tag: %j',
    (tags) => server.refusesField('tags', tags),
  )

  it('a field with 1 MiB of tags is refused with 400 field-too-large', () =>
    server.refusesField('tags', 'x'.repeat(1024 * 1024)))

  it.each(['a:b', '*', 'a?', '[a]', 'a b', '"a"', "'a'", 'media:title:*', '\\', '{a}'])(
    'a tag may contain spaces and punctuation: %s',
    async (tag) => {
      expect(await accepts(field('tags', tag))).toMatchObject({ tags: [tag] })
    },
  )
})

/** Visible text of one line that has caused bugs in other programs. */
const NAUGHTY = [
  'undefined',
  'null',
  'NaN',
  '[object Object]',
  'true',
  '0',
  '-1',
  '1e1000',
  '0x0',
  '-9223372036854775809',
  '1.7976931348623157e309',
  '１２３',
  '١٢٣',
  ',./;[]-='.replaceAll(',', ''),
  '<>?:"{}|_+',
  '!@#$%^&*()`~',
  'Ω≈ç√∫˜µ≤≥÷',
  'åß∂ƒ©˙∆˚¬…æ',
  '¸˛Ç◊ı˜Â¯˘¿',
  '⅛⅜⅝⅞',
  'ЁЂЃЄЅІЇЈЉЊ',
  '⁰⁴⁵₀₁₂',
  'ด้้้้้็็็็็้้้้้็็็็็',
  '田中さんにあげて下さい',
  '和製漢語',
  '𠜎𠜱𠝹𠱓',
  'Ⱥ',
  'ȺȾ',
  'İIıi',
  'ǅ ß ẞ ﬀ',
  'ヽ༼ຈل͜ຈ༽ﾉ ヽ༼ຈل͜ຈ༽ﾉ',
  '(╯°□°）╯︵ ┻━┻',
  '😍🇺🇸👨‍👩‍👧‍👦👾🙇🏽',
  '0️⃣ 1️⃣ 2️⃣',
  'הָיְתָהtestالصفحات التّحول',
  '﷽ﷺ',
  'مُنَاقَشَةُ سُبُلِ',
  'a\u00adb\u200dc',
  '\u00a0x\u3000',
  'Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮',
  'ʇǝɯɐ ʇᴉs ɹolop',
  '𝕿𝖍𝖊 𝖖𝖚𝖎𝖈𝖐',
  '<foo val=“bar” />',
  '</textarea><script>alert(123)</script>',
  'javascript:alert(1);',
  "1' OR '1'='1",
  '$(touch x)`touch x`',
  '%d%s%n%x',
  '%2e%2e%2f',
  'file:///etc/passwd',
  '\\\\server\\share\\x',
  'CON',
  'LPT1',
  '() { 0; }; touch x',
  '{% print 1 %}${7*7}#{7*7}',
  '=1+1|cmd',
  '@SUM(1+1)',
  '--version',
  '-',
  '~root',
  '.htaccess',
  'The quic\b\b\b\b\b\bk'.replaceAll('\b', ''),
  'Powerلُلُصّبُلُلصّبُررً ॣ ॣh ॣ ॣ冗',
  'జ్ఞ‌ా',
  '🏳0🌈️',
  'x'.repeat(64),
]

describe('Text that other programs interpret', () => {
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
  ])('text in the syntax of other programs is stored as it is: %s', async (word) => {
    const { id, ...media } = await accepts(field('title', word), field('tags', word))
    expect(media).toMatchObject({ title: word, tags: [word.toLowerCase()] })
    expect(await server.mediaport.getMedia(id, { owner: EVERYONE })).toMatchObject({
      value: { title: word, tags: [word.toLowerCase()] },
    })
  })

  it('a title with a Redis command on a line of its own is refused with 422 invalid-title', () =>
    server.refusesField('title', 'a\r\nFLUSHALL\r\nb'))

  it('a tag with a Redis command on a line of its own is refused with 422 invalid-tag', () =>
    server.refusesField('tags', 'a\r\nFLUSHALL\r\nb'))

  it.each(NAUGHTY)('unusual text is accepted as a title, a tag and a file name: %j', async (word) => {
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

  it('any well-formed text is accepted as a title without a change, or refused', async () => {
    await assert(
      asyncProperty(array(CODE_POINT, { maxLength: 210 }), async (codePoints) => {
        const text = String.fromCodePoint(...codePoints).toWellFormed()
        const answer = await server.exchange(post(form(field('title', text), file())))
        expect([201, 422]).toContain(answer.status)
        if (answer.status === 201 && text !== '') expect(json(answer).title).toBe(text.normalize('NFC').trim())
      }),
      { numRuns: 100 },
    )
  })
})

describe('SHA-256 digests', () => {
  it.each(['x', 'a'.repeat(63), 'a'.repeat(65), `${'a'.repeat(63)}g`, ` ${'a'.repeat(64)}`])(
    'a sha256 field that is not a SHA-256 in hexadecimal is refused with 422 invalid-sha256: %j',
    (digest) => server.refusesField('sha256', digest),
  )

  it('a file with another SHA-256 than announced is refused with 422 digest-mismatch', async () => {
    await server.refusesField('sha256', 'a'.repeat(64))
    await server.refuses(postInOneChunk(form(file(pngOf(50_000)), field('sha256', 'a'.repeat(64)))))
  })
})

const CODE_POINT = integer({ min: 0, max: 0x10ffff })

/** Escapes a file name as browsers do. Browsers leave the backslash, which parsers read as an escape, so it is doubled. */
const quoted = (name: string): string =>
  name.replaceAll('\\', '\\\\').replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
