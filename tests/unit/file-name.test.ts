import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extension, parseFileName, stem } from '../../src/domain/values/file-name.ts'
import { anyText } from './text.ts'

const name = (raw: string) => parseFileName(raw)._unsafeUnwrap()
const bytes = (text: string) => Buffer.byteLength(text)

describe('A file name', () => {
  it.each([
    ['unchanged', 'photo.jpg', 'photo.jpg'],
    ['with one character', 'x', 'x'],
    ['without an extension', 'README', 'README'],
    ['with a leading dot', '.htaccess', '.htaccess'],
    ['with a trailing dot', 'a.', 'a.'],
    ['as three dots', '...', '...'],
    ['with a name that Windows reserves', 'COM1.png', 'COM1.png'],
    ['with the look of options and commands', '-rf $(id) `id` %n%s ~', '-rf $(id) `id` %n%s ~'],
    ['with percent escapes unchanged', 'a%00%2f.png', 'a%00%2f.png'],
    ['with an encoded word unchanged', '=?UTF-8?B?YQ==?=', '=?UTF-8?B?YQ==?='],
    ['without the path before it', '../../etc/passwd', 'passwd'],
    ['without an absolute path before it', '/abs/a.png', 'a.png'],
    ['without a Windows path before it', 'C:\\x\\a.png', 'a.png'],
    ['without a server before it', '\\\\srv\\share\\a.png', 'a.png'],
    ['without white space around it', ' a b.png\t ', 'a b.png'],
    ['without control characters', 'a\r\nSet-Cookie: x\0\u009B.png', 'aSet-Cookie: x.png'],
    ['without a bidi override', 'a\u202Egnp.exe', 'agnp.exe'],
    ['without invisible characters', '\uFEFFa\u200B\u200D.png', 'a.png'],
    ['without line separators', 'a\u2028b\u2029.png', 'ab.png'],
    ['in Unicode NFC', 'Cafe\u0301.png', 'Café.png'],
    ['in Unicode NFC after a joiner is removed', 'Cafe\u200D\u0301.png', 'Café.png'],
    ['with U+FFFD for a lone surrogate', 'a\uD83D.png', 'a\uFFFD.png'],
    ['with 255 bytes', `${'x'.repeat(251)}.png`, undefined],
  ])('is accepted %s', (_, raw, expected = raw) => {
    expect(name(raw)).toBe(expected)
  })

  it.each([
    ['empty', ''],
    ['white space', ' \t'],
    ['invisible characters only', '\u200B\0'],
    ['the current folder', '.'],
    ['the folder above', '..'],
    ['a folder', 'dir/'],
    ['a Windows folder', 'dir\\'],
    ['a path to the folder above', 'a/..'],
    ['a folder and white space', 'dir/ '],
  ])('is rejected as missing if it is %s', (_, raw) => {
    expect(parseFileName(raw)._unsafeUnwrapErr()).toEqual({ type: 'missing-file' })
  })

  it.each([
    ['with its extension', `${'x'.repeat(5000)}.jpeg`, `${'x'.repeat(250)}.jpeg`],
    ['at a whole character', `${'😀'.repeat(70)}.png`, `${'😀'.repeat(62)}.png`],
    ['without an extension', 'x'.repeat(300), 'x'.repeat(255)],
    ['with an extension that is too long to keep', `a.${'x'.repeat(300)}`, `a.${'x'.repeat(253)}`],
    [
      'at a whole character, with an extension that is longer in lower case',
      `${'😀'.repeat(80)}.İ`,
      `${'😀'.repeat(63)}.İ`,
    ],
  ])('is cut to 255 bytes %s', (_, raw, expected) => {
    const filename = name(raw)
    expect(filename.isWellFormed()).toBe(true)
    expect(filename).toBe(expected)
    expect(bytes(filename)).toBeLessThanOrEqual(255)
    expect(bytes(filename)).toBeGreaterThan(255 - 4)
  })

  it('has no trailing white space after it is cut', () => {
    expect(name(`${'x'.repeat(254)} y`)).toBe('x'.repeat(254))
  })

  const parsed = fc
    .tuple(anyText, fc.constantFrom('', 'x'.repeat(240), '😀'.repeat(63)), anyText)
    .map((parts) => parseFileName(parts.join('')))
    .filter((result) => result.isOk())
    .map((result) => result.value)

  it('does not change when it is parsed again', () => {
    fc.assert(
      fc.property(parsed, (filename) => {
        expect(name(filename)).toBe(filename)
      }),
      { numRuns: 2000 },
    )
  })

  it('has no separators or invisible characters, is in NFC, and has 1 to 255 bytes', () => {
    fc.assert(
      fc.property(parsed, (filename) => {
        expect(filename).not.toMatch(/[/\\\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u)
        expect(filename).toBe(filename.normalize('NFC'))
        expect(bytes(filename)).toBeGreaterThanOrEqual(1)
        expect(bytes(filename)).toBeLessThanOrEqual(255)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('The parts of a file name', () => {
  it.each([
    ['photo.JPG', 'jpg', 'photo'],
    ['a.tar.gz', 'gz', 'a.tar'],
    ['photo', '', 'photo'],
    ['photo.', '', 'photo'],
    ['.htaccess', '', '.htaccess'],
    ['.a.png', 'png', '.a'],
  ])('such as %s are the extension "%s" and the stem "%s"', (raw, suffix, start) => {
    expect(extension(name(raw))).toBe(suffix)
    expect(stem(name(raw))).toBe(start)
  })
})
