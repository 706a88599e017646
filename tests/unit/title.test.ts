import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { parseTitle, titleFromName } from '../../src/domain/values/title.ts'
import { anyText } from './text.ts'

const title = (raw: string) => parseTitle(raw)._unsafeUnwrap()
const titleFrom = (raw: string) => titleFromName(parseFileName(raw)._unsafeUnwrap())

describe('A title', () => {
  it.each([
    ['unchanged', 'Holiday 2026', 'Holiday 2026'],
    ['without white space around it', '\u00A0 \tHoliday\u3000 \n', 'Holiday'],
    ['in Unicode NFC', 'Cafe\u0301', 'Café'],
    ['with inner white space', 'a   b', 'a   b'],
    ['with an emoji of several joined characters', '👨‍👩‍👧', '👨‍👩‍👧'],
    ['with code', `{"$ne":1} '; DROP TABLE x; -- {{7*7}} <script>`, undefined],
    ['with one character', 'x', 'x'],
    ['with 200 characters', 'x'.repeat(200), undefined],
    ['with 200 characters outside the basic plane', '😀'.repeat(200), undefined],
    ['with 200 characters after NFC', 'e\u0301'.repeat(200), 'é'.repeat(200)],
    ['with 200 characters after trimming', `  ${'x'.repeat(200)}  `, 'x'.repeat(200)],
  ])('is accepted %s', (_, raw, expected = raw) => {
    expect(title(raw)).toBe(expected)
  })

  it.each([
    ['no characters', '', 'empty'],
    ['white space only', ' \u00A0\u3000\n', 'empty'],
    ['invisible characters only', '\u200B\u200D\u2060\u00AD', 'empty'],
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
    ['a lone surrogate', 'a\uD83D', 'not-well-formed'],
    ['U+FFFD', 'a\uFFFDb', 'not-well-formed'],
  ])('is rejected if it has %s', (_, raw, reason) => {
    expect(parseTitle(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-title', reason })
  })

  it('does not change when it is parsed again, and is one line of normalised text', () => {
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

describe('The default title', () => {
  it.each([
    ['the file name without the extension', 'photo.jpg', 'photo'],
    ['the file name without the last extension only', 'backup.tar.gz', 'backup.tar'],
    ['the whole name if there is no extension', 'photo', 'photo'],
    ['the whole name if its only dot is the first character', '.htaccess', '.htaccess'],
    ['the name without a trailing dot', 'photo.', 'photo'],
    ['trimmed before the extension', 'photo .jpg', 'photo'],
    ['cut to 200 characters', `${'x'.repeat(210)}.jpg`, 'x'.repeat(200)],
    ['cut to 200 characters and trimmed', `${'x'.repeat(199)} yz.jpg`, 'x'.repeat(199)],
  ])('is %s', (_, name, expected) => {
    expect(titleFrom(name)).toBe(expected)
  })

  it('is a valid title for any file name', () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        // A file name keeps U+FFFD, so that a file with malformed bytes in its name can be uploaded.
        const name = parseFileName(raw.toWellFormed().replaceAll('\uFFFD', ''))
        if (name.isOk()) expect(title(titleFromName(name.value))).toBe(titleFromName(name.value))
      }),
      { numRuns: 2000 },
    )
  })
})
