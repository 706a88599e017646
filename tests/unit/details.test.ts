import { describe, expect, it } from 'vitest'
import { parseDetails } from '../../src/application/upload/details.ts'

const digest = 'ab'.repeat(32)

describe('The details of an upload', () => {
  it('may be empty', () => {
    expect(parseDetails({})._unsafeUnwrap()).toEqual({ title: undefined, tags: [], sha256: undefined })
  })

  it('may be undefined', () => {
    const nothing = { title: undefined, tags: undefined, sha256: undefined }
    expect(parseDetails(nothing)._unsafeUnwrap()).toEqual({ title: undefined, tags: [], sha256: undefined })
  })

  it('are normalised', () => {
    const details = { title: ' Cafe\u0301 ', tags: ['B', 'a', 'b '], sha256: digest.toUpperCase() }
    expect(parseDetails(details)._unsafeUnwrap()).toEqual({ title: 'Café', tags: ['b', 'a'], sha256: digest })
  })

  it.each([
    [{ title: '' }, { type: 'invalid-title', reason: 'empty' }],
    [{ title: 'x'.repeat(201) }, { type: 'invalid-title', reason: 'too-long' }],
    [{ tags: ['fine', 'not\nfine'] }, { type: 'invalid-tag', reason: 'control-characters' }],
    [{ tags: Array.from({ length: 33 }, (_, n) => `${n}`) }, { type: 'invalid-tag', reason: 'too-many' }],
    [{ sha256: 'abc' }, { type: 'invalid-sha256' }],
    [{ sha256: '' }, { type: 'invalid-sha256' }],
    [
      { title: '', tags: [''] },
      { type: 'invalid-title', reason: 'empty' },
    ],
  ])('are rejected if invalid: %j', (details, error) => {
    expect(parseDetails(details)._unsafeUnwrapErr()).toEqual(error)
  })
})
