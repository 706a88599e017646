import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { parseTitle, titleFromName } from '../../src/domain/values/title.ts'
import { anyText } from './text.ts'

const title = (raw: string) => parseTitle(raw)._unsafeUnwrap()
const named = (raw: string) => titleFromName(parseFileName(raw)._unsafeUnwrap())

describe('a title', () => {
  it.each([
    ['as it is', 'Holiday 2026', 'Holiday 2026'],
    ['without white space around it', '\u00A0 \tHoliday\u3000 \n', 'Holiday'],
    ['in Unicode NFC', 'Cafe\u0301', 'Café'],
    ['with white space within', 'a   b', 'a   b'],
    ['with a family that joiners hold together', '👨‍👩‍👧', '👨‍👩‍👧'],
    ['with what looks like code', `{"$ne":1} '; DROP TABLE x; -- {{7*7}} <script>`, undefined],
    ['of one character', 'x', 'x'],
    ['of 200 characters', 'x'.repeat(200), undefined],
    ['of 200 characters outside the basic plane', '😀'.repeat(200), undefined],
    ['of 200 characters once it is composed', 'e\u0301'.repeat(200), 'é'.repeat(200)],
    ['of 200 characters once it is trimmed', `  ${'x'.repeat(200)}  `, 'x'.repeat(200)],
  ])('is taken %s', (_, raw, expected = raw) => {
    expect(title(raw)).toBe(expected)
  })

  it.each([
    ['nothing', '', 'empty'],
    ['white space', ' \u00A0\u3000\n', 'empty'],
    ['characters that cannot be seen', '\u200B\u200D\u2060\u00AD', 'empty'],
    ['201 characters', 'x'.repeat(201), 'too-long'],
    ['201 characters outside the basic plane', '😀'.repeat(201), 'too-long'],
    ['two lines', 'a\nb', 'control-characters'],
    ['a carriage return', 'a\rb', 'control-characters'],
    ['a tab', 'a\tb', 'control-characters'],
    ['NUL', 'a\0b', 'control-characters'],
    ['an escape', 'a\u001B[31mb', 'control-characters'],
    ['a C1 control', 'a\u009Bb', 'control-characters'],
    ['a line separator', 'a\u2028b', 'control-characters'],
    ['a paragraph separator', 'a\u2029b', 'control-characters'],
    ['a bidi override', 'a\u202Egnp.b', 'control-characters'],
    ['a bidi isolate', 'a\u2066b', 'control-characters'],
    ['half a surrogate pair', 'a\uD83D', 'not-well-formed'],
    ['what a decoder put for bad bytes', 'a\uFFFDb', 'not-well-formed'],
  ])('is refused when it has %s', (_, raw, reason) => {
    expect(parseTitle(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-title', reason })
  })

  it('is the same when it is parsed again, and safe to show on one line', () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        const parsed = parseTitle(raw)
        if (parsed.isErr()) return
        expect(title(parsed.value)).toBe(parsed.value)
        expect(parsed.value).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u)
        expect(parsed.value).toBe(parsed.value.normalize('NFC').trim())
        expect([...parsed.value].length).toBeLessThanOrEqual(200)
        expect(parsed.value).not.toBe('')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the title of a media that was given none', () => {
  it.each([
    ['its file name without the extension', 'photo.jpg', 'photo'],
    ['without the last extension only', 'backup.tar.gz', 'backup.tar'],
    ['the whole name where there is no extension', 'photo', 'photo'],
    ['the whole name where it begins with its only dot', '.htaccess', '.htaccess'],
    ['the name without its dot where nothing follows it', 'photo.', 'photo'],
    ['without white space before the extension', 'photo .jpg', 'photo'],
    ['cut to 200 characters', `${'x'.repeat(210)}.jpg`, 'x'.repeat(200)],
    ['cut to 200 characters, then trimmed', `${'x'.repeat(199)} yz.jpg`, 'x'.repeat(199)],
  ])('is %s', (_, name, expected) => {
    expect(named(name)).toBe(expected)
  })

  it('is a title, whatever the file is called', () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        // A name keeps U+FFFD, so that a file with bad bytes in its name can be sent at all.
        const name = parseFileName(raw.toWellFormed().replaceAll('\uFFFD', ''))
        if (name.isOk()) expect(title(titleFromName(name.value))).toBe(titleFromName(name.value))
      }),
      { numRuns: 2000 },
    )
  })
})
