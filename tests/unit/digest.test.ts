import { describe, expect, it } from 'vitest'
import { parseSha256 } from '../../src/domain/values/digest.ts'
import { sha256 } from '../samples.ts'

const digest = sha256(Buffer.from('x'))

describe('a SHA-256 digest', () => {
  it.each([digest, '0'.repeat(64)])('is taken as it is: %s', (raw) => {
    expect(parseSha256(raw)._unsafeUnwrap()).toBe(raw)
  })

  it('is taken in upper case, and kept in lower case', () => {
    expect(parseSha256(digest.toUpperCase())._unsafeUnwrap()).toBe(digest)
  })

  it.each([
    ['nothing', ''],
    ['63 digits', digest.slice(1)],
    ['65 digits', `${digest}0`],
    ['another letter', `${digest.slice(1)}g`],
    ['white space', ` ${digest}`],
    ['a line break', `${digest}\n`],
    ['a prefix', `0x${digest.slice(2)}`],
    ['base64', Buffer.from(digest, 'hex').toString('base64')],
  ])('is refused with %s', (_, raw) => {
    expect(parseSha256(raw)._unsafeUnwrapErr()).toEqual({ type: 'invalid-sha256' })
  })
})
