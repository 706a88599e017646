import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extension, parseFileName, stem } from '../../src/domain/values/file-name.ts'
import { anyText } from './text.ts'

const name = (raw: string) => parseFileName(raw)._unsafeUnwrap()
const bytes = (text: string) => Buffer.byteLength(text)

describe('a file name', () => {
  it.each([
    ['as it is', 'photo.jpg', 'photo.jpg'],
    ['of one character', 'x', 'x'],
    ['without an extension', 'README', 'README'],
    ['that begins with a dot', '.htaccess', '.htaccess'],
    ['that ends with a dot', 'a.', 'a.'],
    ['of three dots', '...', '...'],
    ['that a system reserves', 'COM1.png', 'COM1.png'],
    ['that looks like an option or a command', '-rf $(id) `id` %n%s ~', '-rf $(id) `id` %n%s ~'],
    ['with an escape left as it is', 'a%00%2f.png', 'a%00%2f.png'],
    ['with an encoded word left as it is', '=?UTF-8?B?YQ==?=', '=?UTF-8?B?YQ==?='],
    ['without the path before it', '../../etc/passwd', 'passwd'],
    ['without an absolute path before it', '/abs/a.png', 'a.png'],
    ['without a Windows path before it', 'C:\\x\\a.png', 'a.png'],
    ['without a server before it', '\\\\srv\\share\\a.png', 'a.png'],
    ['without white space around it', ' a b.png\t ', 'a b.png'],
    ['without controls', 'a\r\nSet-Cookie: x\0\u009B.png', 'aSet-Cookie: x.png'],
    ['without a bidi override', 'a\u202Egnp.exe', 'agnp.exe'],
    ['without what cannot be seen', '\uFEFFa\u200B\u200D.png', 'a.png'],
    ['without line separators', 'a\u2028b\u2029.png', 'ab.png'],
    ['in Unicode NFC', 'Cafe\u0301.png', 'Café.png'],
    ['in Unicode NFC also where a joiner is taken out', 'Cafe\u200D\u0301.png', 'Café.png'],
    ['with a mark for half a surrogate pair', 'a\uD83D.png', 'a\uFFFD.png'],
    ['of 255 bytes', `${'x'.repeat(251)}.png`, undefined],
  ])('is taken %s', (_, raw, expected = raw) => {
    expect(name(raw)).toBe(expected)
  })

  it.each([
    ['nothing', ''],
    ['white space', ' \t'],
    ['characters that cannot be seen', '\u200B\0'],
    ['this folder', '.'],
    ['the folder above', '..'],
    ['a folder', 'dir/'],
    ['a Windows folder', 'dir\\'],
    ['a path to the folder above', 'a/..'],
    ['a folder and white space', 'dir/ '],
  ])('is missing when it is %s', (_, raw) => {
    expect(parseFileName(raw)._unsafeUnwrapErr()).toEqual({ type: 'missing-file' })
  })

  it.each([
    ['bytes, and keeps its extension', `${'x'.repeat(5000)}.jpeg`, `${'x'.repeat(250)}.jpeg`],
    ['a whole character', `${'😀'.repeat(70)}.png`, `${'😀'.repeat(62)}.png`],
    ['bytes where it has no extension', 'x'.repeat(300), 'x'.repeat(255)],
    ['bytes where its extension is none', `a.${'x'.repeat(300)}`, `a.${'x'.repeat(253)}`],
    [
      'a whole character before an extension that is longer in lower case',
      `${'😀'.repeat(80)}.İ`,
      `${'😀'.repeat(63)}.İ`,
    ],
  ])('is cut after 255 bytes to %s', (_, raw, expected) => {
    const cut = name(raw)
    expect(cut.isWellFormed()).toBe(true)
    expect(cut).toBe(expected)
    expect(bytes(cut)).toBeLessThanOrEqual(255)
    expect(bytes(cut)).toBeGreaterThan(255 - 4)
  })

  it('has no white space at its end where it was cut', () => {
    expect(name(`${'x'.repeat(254)} y`)).toBe('x'.repeat(254))
  })

  const parsed = fc
    .tuple(anyText, fc.constantFrom('', 'x'.repeat(240), '😀'.repeat(63)), anyText)
    .map((parts) => parseFileName(parts.join('')))
    .filter((result) => result.isOk())
    .map((result) => result.value)

  it('is the same when it is parsed again', () => {
    fc.assert(
      fc.property(parsed, (each) => {
        expect(name(each)).toBe(each)
      }),
      { numRuns: 2000 },
    )
  })

  it('is safe to show, and short', () => {
    fc.assert(
      fc.property(parsed, (each) => {
        expect(each).not.toMatch(/[/\\\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u)
        expect(each).toBe(each.normalize('NFC'))
        expect(bytes(each)).toBeGreaterThanOrEqual(1)
        expect(bytes(each)).toBeLessThanOrEqual(255)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('of a file name', () => {
  it.each([
    ['photo.JPG', 'jpg', 'photo'],
    ['a.tar.gz', 'gz', 'a.tar'],
    ['photo', '', 'photo'],
    ['photo.', '', 'photo'],
    ['.htaccess', '', '.htaccess'],
    ['.a.png', 'png', '.a'],
  ])('%s the extension is "%s" and the stem "%s"', (raw, suffix, start) => {
    expect(extension(name(raw))).toBe(suffix)
    expect(stem(name(raw))).toBe(start)
  })
})
