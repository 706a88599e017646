import { describe, expect, it } from 'vitest'
import { parseSha256 } from '../../src/domain/values/digest.ts'
import { sha256 } from '../samples.ts'

const digest = sha256(Buffer.from('x'))

describe('A SHA-256 digest', () => {
  it.each([digest, '0'.repeat(64)])('is accepted in lower case: %s', (raw) => {
    expect(parseSha256(raw)._unsafeUnwrap()).toBe(raw)
  })

  it('is accepted in upper case and converted to lower case', () => {
    expect(parseSha256(digest.toUpperCase())._unsafeUnwrap()).toBe(digest)
  })

  it.each([
    ['no digits', ''],
    ['63 digits', digest.slice(1)],
    ['65 digits', `${digest}0`],
    ['the letter g', `${digest.slice(1)}g`],
    ['white space', ` ${digest}`],
    ['a line break', `${digest}\n`],
    ['a prefix', `0x${digest.slice(2)}`],
    ['base64', Buffer.from(digest, 'hex').toString('base64')],
  ])('is rejected with %s', (_, raw) => {
    expect(parseSha256(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-sha256' })
  })
})
