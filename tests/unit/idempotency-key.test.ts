import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idOfKey } from '../../src/application/upload/id-of-key.ts'
import { isMediaId } from '../../src/domain/media/ids.ts'
import { type IdempotencyKey, parseIdempotencyKey } from '../../src/domain/values/idempotency-key.ts'

const key = (raw: string): IdempotencyKey => parseIdempotencyKey(raw)._unsafeUnwrap()

describe('An Idempotency-Key', () => {
  it.each([
    ['a UUID', '7a61f1a5-32f7-4a52-9d3a-5f1c0b6a8a55'],
    ['one character', 'a'],
    ['255 characters', 'x'.repeat(255)],
    ['all visible ASCII characters', Array.from({ length: 94 }, (_, n) => String.fromCharCode(0x21 + n)).join('')],
    ['one quote', '"'],
  ])('may be %s', (_, raw) => {
    expect(parseIdempotencyKey(raw)._unsafeUnwrap()).toBe(raw)
  })

  it.each([
    ['"a"', 'a'],
    ['"7a61f1a5-32f7"', '7a61f1a5-32f7'],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
    ['""a""', '"a"'],
    ['"a', '"a'],
  ])('in the form %s is the key %s, without its quotes', (raw, expected) => {
    expect(parseIdempotencyKey(raw)._unsafeUnwrap()).toBe(expected)
  })

  it.each([
    ['empty', ''],
    ['empty between quotes', '""'],
    ['256 characters', 'x'.repeat(256)],
    ['text with a space', 'a b'],
    ['text with a leading space', ' a'],
    ['a list of two keys', 'a, b'],
    ['text with a line break', 'a\nb'],
    ['text with a trailing line break', 'a\n'],
    ['text with a tab', 'a\tb'],
    ['text with a control character', 'a\u0000'],
    ['DEL', '\u007f'],
    ['a letter outside ASCII', 'é'],
  ])('must not be %s', (_, raw) => {
    expect(parseIdempotencyKey(raw)._unsafeUnwrapErr()).toEqual({ type: 'bad-idempotency-key' })
  })
})

describe('The id of a key', () => {
  it('is a UUIDv8 that depends on the owner and the key alone', () => {
    expect(idOfKey('anonymous', key('a'))).toBe(idOfKey('anonymous', key('"a"')))
    const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((n) => String.fromCharCode(n)) })
    fc.assert(
      fc.property(fc.string(), visible, (owner, raw) => {
        const id = idOfKey(owner, raw as IdempotencyKey)
        expect(isMediaId(id)).toBe(true)
        expect(id).toMatch(/^.{14}8.{4}[89ab]/)
        expect(idOfKey(owner, raw as IdempotencyKey)).toBe(id)
      }),
    )
  })

  it('differs for each owner and each key, also if owner and key concatenate to the same text', () => {
    const ids = [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'a'],
      ['ab', 'c'],
      ['a', 'bc'],
      ['a"', 'c'],
      ['a', '",c'],
    ].map(([owner = '', raw = '']) => idOfKey(owner, key(raw)))
    expect(new Set(ids).size).toBe(ids.length)
  })
})
