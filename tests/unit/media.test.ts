import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Attempt, isMediaId, type MediaId, storageKey } from '../../src/domain/media/ids.ts'
import { type Contents, type Intent, isDiscardable, type Media, needsFile } from '../../src/domain/media/media.ts'
import {
  abandon,
  change,
  expire,
  leaseFrom,
  markDeleted,
  markDiscarded,
  receive,
  receiveAgain,
  store,
} from '../../src/domain/media/transitions.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { parseSha256 } from '../../src/domain/values/digest.ts'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { parseTags } from '../../src/domain/values/tag.ts'
import { parseTitle } from '../../src/domain/values/title.ts'

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
  url: undefined,
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
const deleted = markDeleted(stored).media
const leftover = { id, storage: 'filesystem', storageKey: storageKey(id, attempt) }
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const lost = (media: Media) => ({ type: 'fence-lost', media })

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
      events: [{ type: 'media-stored', id, attempt }],
    })
  })

  it('is abandoned by its attempt, and somebody is told where its bytes may lie', () => {
    expect(abandon(receiving, attempt)._unsafeUnwrap()).toStrictEqual({
      media: { ...intent, state: 'abandoned', createdAt: now, version: 0, discardedAt: undefined },
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

  it.each([attempt, another])('is not abandoned again, by whichever attempt (%s)', (who) => {
    expect(abandon(abandoned, who)._unsafeUnwrapErr()).toEqual({ type: 'fence-lost', media: abandoned })
  })
})

describe('the next attempt', () => {
  const next: Intent = {
    ...intent,
    attempt: another,
    storage: 'elsewhere',
    storageKey: storageKey(id, another),
    filename: parseFileName('b.gif')._unsafeUnwrap(),
    mimeType: 'image/gif' as ContentType,
  }

  it.each<[string, Media, Date]>([
    ['was abandoned', abandoned, now],
    ['was abandoned and discarded', { ...abandoned, discardedAt: later(1) }, later(2)],
    ['has a lease that ends just now', receiving, later(60)],
    ['has a lease that ran out', receiving, later(3600)],
  ])('takes over a media that %s, and somebody is told where the bytes of the last one may lie', (_, media, at) => {
    expect(receiveAgain(media, next, at, { leaseSeconds: 60, forgetAfterSeconds: 3600 })._unsafeUnwrap()).toStrictEqual(
      {
        media: { ...next, state: 'receiving', createdAt: at, leaseExpiresAt: leaseFrom(at, 60) },
        events: [{ type: 'attempt-replaced', ...leftover, writableSeconds: 3600 }],
      },
    )
  })

  it.each<[string, Media, Date]>([
    ['is received under a lease', receiving, later(59.999)],
    ['is stored', stored, later(3600)],
    ['was deleted', deleted, later(3600)],
  ])('does not begin while a media %s', (_, media, at) => {
    expect(receiveAgain(media, next, at, { leaseSeconds: 60, forgetAfterSeconds: 3600 })._unsafeUnwrapErr()).toEqual(
      lost(media),
    )
  })
})

describe('an upload whose lease has run out', () => {
  it.each([60, 61])('is abandoned by anybody after %d of 60 seconds', (seconds) => {
    expect(expire(receiving, later(seconds))._unsafeUnwrap()).toStrictEqual({
      media: abandoned,
      events: [{ type: 'media-abandoned', ...leftover }],
    })
  })

  it('is not abandoned a moment before', () => {
    expect(expire(receiving, later(59.999))._unsafeUnwrapErr()).toEqual(lost(receiving))
  })

  it.each([stored, abandoned, deleted])('is nothing that is $state', (media) => {
    expect(expire(media, later(3600))._unsafeUnwrapErr()).toEqual(lost(media))
  })
})

describe('a change', () => {
  const title = parseTitle('B')._unsafeUnwrap()
  const tags = parseTags(['y', 'x'])._unsafeUnwrap()

  it.each([
    ['of the title', { title }],
    ['of the tags', { tags }],
    ['of both', { title, tags }],
    ['of the tags to none', { tags: [] }],
  ])('%s is one new version, and somebody is told', (_, changes) => {
    expect(change(stored, changes)).toStrictEqual({
      media: { ...stored, ...changes, version: 2 },
      events: [{ type: 'media-changed', id }],
    })
  })

  it.each([
    ['of nothing', {}],
    ['to the same title', { title: stored.title }],
    ['to the same tags', { tags: [...stored.tags] }],
    ['of what is not said', { title: undefined, tags: undefined }],
  ])('%s is no new version', (_, changes) => {
    expect(change(stored, changes)).toStrictEqual({ media: stored, events: [] })
  })

  it('of the order of tags counts', () => {
    const media = { ...stored, tags }
    expect(change(media, { tags: tags.toReversed() }).media).toMatchObject({ tags: ['x', 'y'], version: 2 })
  })

  it('leaves the fingerprint as it was: it tells what was first sent', () => {
    expect(change(stored, { title }).media.fingerprint).toBe(stored.fingerprint)
  })
})

describe('a media that is deleted', () => {
  it('keeps no more than whose it was and where its bytes lie, and somebody is told', () => {
    expect(markDeleted({ ...stored, version: 7 })).toStrictEqual({
      media: { ...intent, state: 'deleted', createdAt: now, version: 8, discardedAt: undefined },
      events: [{ type: 'media-deleted', ...leftover, fileId: 'file' }],
    })
  })

  it.each([attempt, another])('is neither stored nor abandoned, by whichever attempt (%s)', (who) => {
    expect(store(deleted, who, contents)._unsafeUnwrapErr()).toEqual(lost(deleted))
    expect(abandon(deleted, who)._unsafeUnwrapErr()).toEqual(lost(deleted))
  })
})

describe('that the bytes are gone', () => {
  const key = intent.storageKey

  it.each([abandoned, deleted])('is noted for a media that was $state, without anybody being told', (media) => {
    expect(markDiscarded(media, key, later(5))._unsafeUnwrap()).toStrictEqual({
      media: { ...media, discardedAt: later(5) },
      events: [],
    })
  })

  it('is noted once: the first time counts', () => {
    const media = { ...abandoned, discardedAt: later(5) }
    expect(markDiscarded(media, key, later(9))._unsafeUnwrap()).toStrictEqual({ media, events: [] })
  })

  it.each<Media>([receiving, stored])('is not noted for a media that is $state', (media) => {
    expect(markDiscarded(media, key, now)._unsafeUnwrapErr()).toEqual(lost(media))
  })

  it('is not noted for the bytes of another attempt', () => {
    expect(markDiscarded(abandoned, storageKey(id, another), now)._unsafeUnwrapErr()).toEqual(lost(abandoned))
  })
})

it.each<[Media, boolean]>([
  [receiving, true],
  [stored, true],
  [abandoned, false],
  [deleted, false],
])('a media that is $state may yet show its bytes to somebody: %s', (media, wanted) => {
  expect(needsFile(media, media.storageKey)).toBe(wanted)
  expect(needsFile(media, storageKey(id, another))).toBe(false)
  expect(isDiscardable(media)).toBe(!wanted)
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
})

it('a lease runs for seconds', () => {
  expect(leaseFrom(now, 0.5)).toEqual(new Date('2026-11-23T10:00:00.500Z'))
})
