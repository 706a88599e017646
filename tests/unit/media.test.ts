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
const otherAttempt = 'fedcba9876543210' as Attempt
const digest = parseSha256('0'.repeat(64))._unsafeUnwrap()
const intent: Intent = {
  id,
  owner: 'me',
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
const file = { id, storage: 'filesystem', storageKey: storageKey(id, attempt) }
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const fenceLost = (media: Media) => ({ type: 'fence-lost', media })

describe('A media item in `receiving`', () => {
  it('has the fields of its intent and a lease', () => {
    expect(receiving).toStrictEqual({
      ...intent,
      state: 'receiving',
      createdAt: now,
      leaseExpiresAt: new Date('2026-11-23T10:01:00.000Z'),
    })
  })

  it('is stored by its attempt, with an event', () => {
    expect(store(receiving, attempt, contents)._unsafeUnwrap()).toStrictEqual({
      media: { ...intent, ...contents, state: 'stored', createdAt: now, version: 1 },
      events: [{ type: 'media-stored', id, attempt }],
    })
  })

  it('is abandoned by its attempt, with an event that names its file', () => {
    expect(abandon(receiving, attempt)._unsafeUnwrap()).toStrictEqual({
      media: { ...intent, state: 'abandoned', createdAt: now, version: 0, discardedAt: undefined },
      events: [{ type: 'media-abandoned', id, storage: 'filesystem', storageKey: `${id}.${attempt}` }],
    })
  })

  it('is neither stored nor abandoned by another attempt', () => {
    expect(store(receiving, otherAttempt, contents)._unsafeUnwrapErr()).toEqual(fenceLost(receiving))
    expect(abandon(receiving, otherAttempt)._unsafeUnwrapErr()).toEqual(fenceLost(receiving))
  })

  it('is not modified by transitions', () => {
    const before = structuredClone(receiving)
    store(receiving, attempt, contents)
    abandon(receiving, attempt)
    expect(receiving).toStrictEqual(before)
  })
})

describe('A stored media item', () => {
  it.each([attempt, otherAttempt])('is neither stored again nor abandoned by the attempt %s', (each) => {
    expect(store(stored, each, contents)._unsafeUnwrapErr()).toEqual(fenceLost(stored))
    expect(abandon(stored, each)._unsafeUnwrapErr()).toEqual(fenceLost(stored))
  })
})

describe('An abandoned media item', () => {
  it('cannot be stored', () => {
    expect(store(abandoned, attempt, contents)._unsafeUnwrapErr()).toEqual(fenceLost(abandoned))
  })

  it.each([attempt, otherAttempt])('is not abandoned again by the attempt %s', (each) => {
    expect(abandon(abandoned, each)._unsafeUnwrapErr()).toEqual(fenceLost(abandoned))
  })
})

describe('The next attempt', () => {
  const next: Intent = {
    ...intent,
    attempt: otherAttempt,
    storage: 'elsewhere',
    storageKey: storageKey(id, otherAttempt),
    filename: parseFileName('b.gif')._unsafeUnwrap(),
    mimeType: 'image/gif' as ContentType,
  }

  it.each<[string, Media, Date]>([
    ['is abandoned', abandoned, now],
    ['is abandoned and discarded', { ...abandoned, discardedAt: after(1) }, after(2)],
    ['has a lease that expires at this moment', receiving, after(60)],
    ['has an expired lease', receiving, after(3600)],
  ])('takes over a media item that %s, with an event that names the file of the previous attempt', (_, media, time) => {
    expect(
      receiveAgain(media, next, time, { leaseSeconds: 60, forgetAfterSeconds: 3600 })._unsafeUnwrap(),
    ).toStrictEqual({
      media: { ...next, state: 'receiving', createdAt: time, leaseExpiresAt: leaseFrom(time, 60) },
      events: [{ type: 'attempt-replaced', ...file, writableSeconds: 3600 }],
    })
  })

  it.each<[string, Media, Date]>([
    ['has a valid lease', receiving, after(59.999)],
    ['is stored', stored, after(3600)],
    ['is deleted', deleted, after(3600)],
  ])('cannot start if the media item %s', (_, media, time) => {
    expect(receiveAgain(media, next, time, { leaseSeconds: 60, forgetAfterSeconds: 3600 })._unsafeUnwrapErr()).toEqual(
      fenceLost(media),
    )
  })
})

describe('An upload with an expired lease', () => {
  it.each([60, 61])('is abandoned by any process %d seconds after the start of its 60-second lease', (seconds) => {
    expect(expire(receiving, after(seconds))._unsafeUnwrap()).toStrictEqual({
      media: abandoned,
      events: [{ type: 'media-abandoned', ...file }],
    })
  })

  it('is not abandoned before the lease expires', () => {
    expect(expire(receiving, after(59.999))._unsafeUnwrapErr()).toEqual(fenceLost(receiving))
  })

  it.each([stored, abandoned, deleted])('is not a media item in the state $state', (media) => {
    expect(expire(media, after(3600))._unsafeUnwrapErr()).toEqual(fenceLost(media))
  })
})

describe('A change', () => {
  const title = parseTitle('B')._unsafeUnwrap()
  const tags = parseTags(['y', 'x'])._unsafeUnwrap()

  it.each([
    ['of the title', { title }],
    ['of the tags', { tags }],
    ['of both', { title, tags }],
    ['of the tags to none', { tags: [] }],
  ])('%s adds 1 to the version, with an event', (_, changes) => {
    expect(change(stored, changes)).toStrictEqual({
      media: { ...stored, ...changes, version: 2 },
      events: [{ type: 'media-changed', id }],
    })
  })

  it.each([
    ['of nothing', {}],
    ['to the same title', { title: stored.title }],
    ['to the same tags', { tags: [...stored.tags] }],
    ['to undefined values', { title: undefined, tags: undefined }],
  ])('%s keeps the version, without an event', (_, changes) => {
    expect(change(stored, changes)).toStrictEqual({ media: stored, events: [] })
  })

  it('of the order of tags is a change', () => {
    const media = { ...stored, tags }
    expect(change(media, { tags: tags.toReversed() }).media).toMatchObject({ tags: ['x', 'y'], version: 2 })
  })

  it('keeps the fingerprint of the first upload', () => {
    expect(change(stored, { title }).media.fingerprint).toBe(stored.fingerprint)
  })
})

describe('A deleted media item', () => {
  it('keeps only its intent, with an event that names its file', () => {
    expect(markDeleted({ ...stored, version: 7 })).toStrictEqual({
      media: { ...intent, state: 'deleted', createdAt: now, version: 8, discardedAt: undefined },
      events: [{ type: 'media-deleted', ...file, fileId: 'file' }],
    })
  })

  it.each([attempt, otherAttempt])('is neither stored nor abandoned by the attempt %s', (each) => {
    expect(store(deleted, each, contents)._unsafeUnwrapErr()).toEqual(fenceLost(deleted))
    expect(abandon(deleted, each)._unsafeUnwrapErr()).toEqual(fenceLost(deleted))
  })
})

describe('Marking a row as discarded', () => {
  const key = intent.storageKey

  it.each([abandoned, deleted])('records the time for a media item that is $state, without an event', (media) => {
    expect(markDiscarded(media, key, after(5))._unsafeUnwrap()).toStrictEqual({
      media: { ...media, discardedAt: after(5) },
      events: [],
    })
  })

  it('keeps the first time', () => {
    const media = { ...abandoned, discardedAt: after(5) }
    expect(markDiscarded(media, key, after(9))._unsafeUnwrap()).toStrictEqual({ media, events: [] })
  })

  it.each<Media>([receiving, stored])('fails for a media item that is $state', (media) => {
    expect(markDiscarded(media, key, now)._unsafeUnwrapErr()).toEqual(fenceLost(media))
  })

  it('fails for the file of another attempt', () => {
    expect(markDiscarded(abandoned, storageKey(id, otherAttempt), now)._unsafeUnwrapErr()).toEqual(fenceLost(abandoned))
  })
})

it.each<[Media, boolean]>([
  [receiving, true],
  [stored, true],
  [abandoned, false],
  [deleted, false],
])('needsFile of a media item that is $state is %s', (media, isNeeded) => {
  expect(needsFile(media, media.storageKey)).toBe(isNeeded)
  expect(needsFile(media, storageKey(id, otherAttempt))).toBe(false)
  expect(isDiscardable(media)).toBe(!isNeeded)
})

describe('A media id', () => {
  it('is a UUID in lower case', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(isMediaId(uuid)).toBe(true)
      }),
    )
  })

  it.each([
    ['empty', ''],
    ['in upper case', id.toUpperCase().replace('0', 'A')],
    ['in braces', `{${id}}`],
    ['without hyphens', id.replaceAll('-', '')],
    ['followed by a line break', `${id}\n`],
    ['preceded by a path', `../${id}`],
    ['longer than 36 characters', `${id}0`],
    ['shorter than 36 characters', id.slice(1)],
    ['10 KiB long', 'a'.repeat(10_240)],
  ])('must not be %s', (_, raw) => {
    expect(isMediaId(raw)).toBe(false)
  })

  it('and an attempt form the storage key', () => {
    expect(storageKey(id, attempt)).toBe('01990000-0000-7000-8000-000000000000.0123456789abcdef')
  })
})

it('A lease expires after the given number of seconds', () => {
  expect(leaseFrom(now, 0.5)).toEqual(new Date('2026-11-23T10:00:00.500Z'))
})
