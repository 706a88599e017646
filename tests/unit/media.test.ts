import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ContentType } from '../../src/domain/content-type.ts'
import { parseSha256 } from '../../src/domain/digest.ts'
import { parseFileName } from '../../src/domain/file-name.ts'
import {
  type Attempt,
  abandon,
  type Contents,
  contentPath,
  type Intent,
  isMediaId,
  leaseFrom,
  type MediaId,
  receive,
  storageKey,
  store,
} from '../../src/domain/media.ts'
import { parseTags } from '../../src/domain/tag.ts'
import { parseTitle } from '../../src/domain/title.ts'

const id = '01990000-0000-7000-8000-000000000000' as MediaId
const attempt = '0123456789abcdef' as Attempt
const another = 'fedcba9876543210' as Attempt
const digest = parseSha256('0'.repeat(64))._unsafeUnwrap()
const intent: Intent = {
  id,
  owner: 'somebody',
  attempt,
  storage: 'filesystem',
  storageKey: storageKey(id, attempt),
  filename: parseFileName('a.png')._unsafeUnwrap(),
  mimeType: 'image/png' as ContentType,
}
const contents: Contents = {
  fileId: 'file',
  url: contentPath(id),
  sizeBytes: 1,
  sha256: digest,
  title: parseTitle('A')._unsafeUnwrap(),
  tags: parseTags(['x'])._unsafeUnwrap(),
  fingerprint: digest,
}
const now = new Date('2026-11-23T10:00:00.000Z')
const receiving = receive(intent, now, 60)
const stored = store(receiving, attempt, contents)._unsafeUnwrap().media
const abandoned = abandon(receiving, attempt)._unsafeUnwrap().media

describe('a media that is received', () => {
  it('is what was intended, with a lease', () => {
    expect(receiving).toStrictEqual({
      ...intent,
      state: 'receiving',
      createdAt: now,
      leaseExpiresAt: new Date('2026-11-23T10:01:00.000Z'),
    })
  })

  it('is stored by its attempt, and somebody is told', () => {
    expect(store(receiving, attempt, contents)._unsafeUnwrap()).toStrictEqual({
      media: { ...intent, ...contents, state: 'stored', createdAt: now, version: 1 },
      events: [{ type: 'media-stored', id }],
    })
  })

  it('is abandoned by its attempt, and somebody is told where its bytes may lie', () => {
    expect(abandon(receiving, attempt)._unsafeUnwrap()).toStrictEqual({
      media: { ...intent, state: 'abandoned', createdAt: now },
      events: [{ type: 'media-abandoned', id, storage: 'filesystem', storageKey: `${id}.${attempt}` }],
    })
  })

  it('is not another attempt to store or to abandon', () => {
    const lost = { type: 'fence-lost', media: receiving }
    expect(store(receiving, another, contents)._unsafeUnwrapErr()).toEqual(lost)
    expect(abandon(receiving, another)._unsafeUnwrapErr()).toEqual(lost)
  })

  it('is not changed by what becomes of it', () => {
    const before = structuredClone(receiving)
    store(receiving, attempt, contents)
    abandon(receiving, attempt)
    expect(receiving).toStrictEqual(before)
  })
})

describe('a media that is stored', () => {
  it.each([attempt, another])('is neither stored again nor abandoned, by whichever attempt (%s)', (who) => {
    const lost = { type: 'fence-lost', media: stored }
    expect(store(stored, who, contents)._unsafeUnwrapErr()).toEqual(lost)
    expect(abandon(stored, who)._unsafeUnwrapErr()).toEqual(lost)
  })
})

describe('a media that was abandoned', () => {
  it('is never stored', () => {
    expect(store(abandoned, attempt, contents)._unsafeUnwrapErr()).toEqual({ type: 'fence-lost', media: abandoned })
  })

  it('is abandoned again by its attempt without anybody being told', () => {
    expect(abandon(abandoned, attempt)._unsafeUnwrap()).toStrictEqual({ media: abandoned, events: [] })
  })

  it('is nothing to another attempt', () => {
    expect(abandon(abandoned, another)._unsafeUnwrapErr()).toEqual({ type: 'fence-lost', media: abandoned })
  })
})

describe('an id', () => {
  it('is a UUID in lower case', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(isMediaId(uuid)).toBe(true)
      }),
    )
  })

  it.each([
    ['nothing', ''],
    ['upper case', id.toUpperCase().replace('0', 'A')],
    ['braces', `{${id}}`],
    ['no hyphens', id.replaceAll('-', '')],
    ['a line break at the end', `${id}\n`],
    ['a path before it', `../${id}`],
    ['more digits', `${id}0`],
    ['fewer digits', id.slice(1)],
    ['10 KiB', 'a'.repeat(10_240)],
  ])('is not %s', (_, raw) => {
    expect(isMediaId(raw)).toBe(false)
  })

  it('and an attempt make a storage key', () => {
    expect(storageKey(id, attempt)).toBe('01990000-0000-7000-8000-000000000000.0123456789abcdef')
  })

  it('makes the path of the content', () => {
    expect(contentPath(id)).toBe('/media/01990000-0000-7000-8000-000000000000/content/')
  })
})

it('a lease runs for seconds', () => {
  expect(leaseFrom(now, 0.5)).toEqual(new Date('2026-11-23T10:00:00.500Z'))
})
