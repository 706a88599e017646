import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTag, parseTags } from '../../src/domain/values/tag.ts'
import { anyText } from './text.ts'

const tag = (raw: string) => parseTag(raw)._unsafeUnwrap()
const many = (count: number) => Array.from({ length: count }, (_, n) => `tag ${n}`)

describe('A tag', () => {
  it.each([
    ['in lower case', 'Summer', 'summer'],
    ['in Unicode NFC', 'CAFE\u0301', 'café'],
    ['without white space around it', ' a b ', 'a b'],
    ['with characters that are special in other systems', `a:b*?["']{}$%`, undefined],
    ['with 64 characters', 'x'.repeat(64), undefined],
    ['with 64 characters outside the basic plane', '😀'.repeat(64), undefined],
  ])('is accepted %s', (_, raw, expected = raw) => {
    expect(tag(raw)).toBe(expected)
  })

  it.each([
    ['no characters', '', 'empty'],
    ['white space only', '  ', 'empty'],
    ['invisible characters only', '\u200B', 'empty'],
    ['65 characters', 'x'.repeat(65), 'too-long'],
    ['a comma', 'a,b', 'comma'],
    ['a comma only', ',', 'comma'],
    ['a line break', 'a\r\nb', 'control-characters'],
    ['NUL', 'a\0', 'control-characters'],
    ['a bidi override', '\u202Ea', 'control-characters'],
    ['a lone surrogate', '\uDE00', 'not-well-formed'],
    ['U+FFFD', '\uFFFD', 'not-well-formed'],
  ])('is rejected if it has %s', (_, raw, reason) => {
    expect(parseTag(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason })
  })

  it('does not change when it is parsed again, and is one line of normalised text', () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        const parsed = parseTag(raw)
        if (parsed.isErr()) return
        expect(tag(parsed.value)).toBe(parsed.value)
        expect(parsed.value).toBe(parsed.value.normalize('NFC').trim())
        expect(parsed.value).toBe(parsed.value.toLowerCase())
        expect(parsed.value).not.toMatch(/[,\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u)
        expect([...parsed.value].length).toBeLessThanOrEqual(64)
      }),
      { numRuns: 2000 },
    )
  })

  it('is the same for any case and any Unicode normalisation form', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('É', 'é', 'e\u0301', 'E\u0301', 'x', 'X'), minLength: 1 }),
        (raw) => {
          fc.pre([...raw.normalize('NFC')].length <= 64)
          expect(tag(raw.normalize('NFD'))).toBe(tag(raw))
          expect(tag(raw.toUpperCase())).toBe(tag(raw))
        },
      ),
    )
  })
})

describe('Tags', () => {
  it('keep their order, without duplicates', () => {
    expect(parseTags(['b', 'A', 'B ', 'a', 'c'])._unsafeUnwrap()).toEqual(['b', 'a', 'c'])
  })

  it('may be empty', () => {
    expect(parseTags([])._unsafeUnwrap()).toEqual([])
  })

  it('may be 32 in number', () => {
    expect(parseTags(many(32))._unsafeUnwrap()).toHaveLength(32)
  })

  it('may be more than 32 if duplicates are among them', () => {
    expect(parseTags([...many(32), ...many(32)])._unsafeUnwrap()).toHaveLength(32)
  })

  it('are rejected if there are 33', () => {
    expect(parseTags(many(33))._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason: 'too-many' })
  })

  it('are rejected if one of them is invalid', () => {
    expect(parseTags(['fine', '', 'fine too'])._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason: 'empty' })
  })
})
