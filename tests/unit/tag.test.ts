import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTag, parseTags } from '../../src/domain/values/tag.ts'
import { anyText } from './text.ts'

const tag = (raw: string) => parseTag(raw)._unsafeUnwrap()
const many = (count: number) => Array.from({ length: count }, (_, n) => `tag ${n}`)

describe('a tag', () => {
  it.each([
    ['in lower case', 'Summer', 'summer'],
    ['in Unicode NFC', 'CAFE\u0301', 'café'],
    ['without white space around it', ' a b ', 'a b'],
    ['with marks that mean something elsewhere', `a:b*?["']{}$%`, undefined],
    ['of 64 characters', 'x'.repeat(64), undefined],
    ['of 64 characters outside the basic plane', '😀'.repeat(64), undefined],
  ])('is taken %s', (_, raw, expected = raw) => {
    expect(tag(raw)).toBe(expected)
  })

  it.each([
    ['nothing', '', 'empty'],
    ['white space', '  ', 'empty'],
    ['characters that cannot be seen', '\u200B', 'empty'],
    ['65 characters', 'x'.repeat(65), 'too-long'],
    ['a comma', 'a,b', 'comma'],
    ['nothing but a comma', ',', 'comma'],
    ['a line break', 'a\r\nb', 'control-characters'],
    ['NUL', 'a\0', 'control-characters'],
    ['a bidi override', '\u202Ea', 'control-characters'],
    ['half a surrogate pair', '\uDE00', 'not-well-formed'],
    ['what a decoder put for bad bytes', '\uFFFD', 'not-well-formed'],
  ])('is refused when it has %s', (_, raw, reason) => {
    expect(parseTag(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason })
  })

  it('is the same when it is parsed again, and safe to show on one line', () => {
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

  it('is found by any spelling of it', () => {
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

describe('tags', () => {
  it('are kept in the order given, each once in whatever spelling', () => {
    expect(parseTags(['b', 'A', 'B ', 'a', 'c'])._unsafeUnwrap()).toEqual(['b', 'a', 'c'])
  })

  it('may be none', () => {
    expect(parseTags([])._unsafeUnwrap()).toEqual([])
  })

  it('may be 32', () => {
    expect(parseTags(many(32))._unsafeUnwrap()).toHaveLength(32)
  })

  it('may be more than 32 where some are the same', () => {
    expect(parseTags([...many(32), ...many(32)])._unsafeUnwrap()).toHaveLength(32)
  })

  it('are refused when there are 33', () => {
    expect(parseTags(many(33))._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason: 'too-many' })
  })

  it('are refused when one of them is', () => {
    expect(parseTags(['fine', '', 'fine too'])._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason: 'empty' })
  })
})
