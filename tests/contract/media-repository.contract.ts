import { randomUUID } from 'node:crypto'
import { err, ok, type Result, type ResultAsync } from 'neverthrow'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ListQuery, MediaRepository, NotFound } from '../../src/application/ports/media-repository.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import { type MediaId, storageKey } from '../../src/domain/media/ids.ts'
import type { Abandoned, Contents, Deleted, Intent, Media, Receiving, Stored } from '../../src/domain/media/media.ts'
import {
  abandon,
  change,
  expire,
  markDeleted,
  markDiscarded,
  receiveAgain,
  store,
  type Transition,
} from '../../src/domain/media/transitions.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { parseSha256 } from '../../src/domain/values/digest.ts'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { parseTag, parseTags, type Tag } from '../../src/domain/values/tag.ts'
import { parseTitle } from '../../src/domain/values/title.ts'
import { noise, sha256 } from '../samples.ts'
import { newAttempt, newId } from '../support/ids.ts'

export type Publish = (events: readonly MediaEvent[]) => void

/**
 * Describes the guarantees of every MediaRepository.
 *
 * @param openEmpty Opens a repository without rows for one test, and registers its own cleanup. The repository passes the
 * events of a transition to `publish` within its transaction.
 */
export function mediaRepositoryContract(name: string, openEmpty: (publish: Publish) => Promise<MediaRepository>): void {
  describe(`MediaRepository: ${name}`, () => {
    let repository: MediaRepository
    let events: MediaEvent[]
    let publish: Publish

    beforeEach(async () => {
      events = []
      publish = (newEvents) => void events.push(...newEvents)
      repository = await openEmpty((newEvents) => publish(newEvents))
    })

    const add = async (intent = newIntent(), leaseSeconds = 60): Promise<Receiving> =>
      (await repository.add(intent, leaseSeconds))._unsafeUnwrap()
    const get = async (id: MediaId): Promise<Media> => (await repository.get(id))._unsafeUnwrap()
    const list = async (query: Partial<ListQuery> = {}): Promise<readonly Stored[]> =>
      (await repository.list({ limit: 1000, ...query }))._unsafeUnwrap()
    const addStored = async (contents: Partial<Contents> = {}, intent = newIntent()): Promise<Stored> => {
      const { id, attempt } = await add(intent)
      return (await repository.update(id, (media) => store(media, attempt, newContents(contents))))._unsafeUnwrap()
    }
    const addAbandoned = async (): Promise<Abandoned> => {
      const { id, attempt } = await add()
      return (await repository.update(id, (media) => abandon(media, attempt)))._unsafeUnwrap()
    }
    const addDeleted = async (): Promise<Deleted> => {
      const { id } = await addStored()
      return (await repository.update(id, whileStored(markDeleted)))._unsafeUnwrap()
    }
    /** Marks a row as discarded `secondsAgo` seconds ago. */
    const discard = async ({ id, storageKey }: Media, secondsAgo = 0): Promise<Media> =>
      (
        await repository.update(id, (media, now) =>
          markDiscarded(media, storageKey, new Date(now.getTime() - secondsAgo * 1000)),
        )
      )._unsafeUnwrap()
    const due = async (forgetAfterSeconds = 0, after?: MediaId, limit = 1000): Promise<readonly Media[]> =>
      (await repository.due(forgetAfterSeconds, after, limit))._unsafeUnwrap()
    const scan = async (after?: MediaId, limit = 1000): Promise<readonly Media[]> =>
      (await repository.scan(after, limit))._unsafeUnwrap()

    describe('adds', () => {
      it('a row with every field', async () => {
        const intent = newIntent({ owner: 'me' })
        const receiving = await add(intent, 45)
        expect(receiving).toMatchObject({ ...intent, state: 'receiving' })
        expect(await get(intent.id)).toStrictEqual(receiving)
      })

      it('a row with the time of its own clock in milliseconds, and a lease from that time', async () => {
        const before = Date.now()
        const { createdAt, leaseExpiresAt } = await add(newIntent(), 45)
        expect(Number.isInteger(createdAt.getTime())).toBe(true)
        expect(Math.abs(createdAt.getTime() - before)).toBeLessThan(60_000)
        expect(Math.abs(leaseExpiresAt.getTime() - createdAt.getTime() - 45_000)).toBeLessThan(1000)
      })

      it('no second row with an id that is receiving, and returns the existing row', async () => {
        const row = await add()
        const again = await repository.add(newIntent({ id: row.id }), 3600)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: row })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('no second row with an id whose lease has expired', async () => {
        const row = await add(newIntent(), 0)
        const again = await repository.add(newIntent({ id: row.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: row })
      })

      it('no second row with an id that is stored, and returns the existing row', async () => {
        const row = await addStored()
        const again = await repository.add(newIntent({ id: row.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: row })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('no second row with an id that is abandoned, and returns the existing row', async () => {
        const row = await addAbandoned()
        const again = await repository.add(newIntent({ id: row.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: row })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('a row without an event', async () => {
        await add()
        expect(events).toEqual([])
      })
    })

    describe('gets', () => {
      it('not-found for an unknown id', async () => {
        await add()
        expect((await repository.get(newId()))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
      })

      it('a stored media item with every field', async () => {
        const receiving = await add()
        const contents = newContents({
          tags: tags('b', 'a', 'c'),
          fileId: 'file id',
          url: 'https://files.example/a?b=c',
        })
        const change = (media: Media) => store(media, receiving.attempt, contents)
        const answer = (await repository.update(receiving.id, change))._unsafeUnwrap()
        const { leaseExpiresAt: _, ...expected } = receiving
        expect(answer).toStrictEqual({ ...expected, ...contents, state: 'stored', version: 1 })
        expect(await get(receiving.id)).toStrictEqual(answer)
      })

      it('an abandoned media item with every field', async () => {
        const receiving = await add()
        const answer = (
          await repository.update(receiving.id, (media) => abandon(media, receiving.attempt))
        )._unsafeUnwrap()
        const { leaseExpiresAt: _, ...expected } = receiving
        expect(answer).toStrictEqual({ ...expected, state: 'abandoned', version: 0, discardedAt: undefined })
        expect(await get(receiving.id)).toStrictEqual(answer)
      })

      it.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('a size of %d bytes', async (sizeBytes) => {
        const { id } = await addStored({ sizeBytes })
        expect(await get(id)).toMatchObject({ sizeBytes })
      })

      it.each([
        ['letters with diacritics', 'Ångström naïve e\u0301té'],
        ['emoji of several code points', '👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷'],
        ['other scripts', 'Ελληνικά العربية 日本語 हिन्दी'],
        ['quotation marks', `' '' " "" \` “ ” ;--`],
        ['backslashes and escapes', String.raw`\ \\ \n \u0000 \x00 E'\\'`],
        ['braces and percent signs', '{a,b} %s %% ${x} $1 :x ? _'],
        ['the words null and undefined', 'NULL null undefined'],
        ['an SQL injection', `'); DROP TABLE media_job; --`],
        ['the highest code point', '\u{10FFFD}'],
      ])('text with %s', async (_, text) => {
        const title = parseTitle(text)._unsafeUnwrap()
        const tag = parseTag(text.replaceAll(',', ''))._unsafeUnwrap()
        const filename = parseFileName(`${text.replaceAll(/[/\\]/g, '')}.png`)._unsafeUnwrap()
        const intent = newIntent({ owner: text, filename })
        const { id } = await addStored(
          { title, tags: [tag], url: `https://files.example/${text}`, fileId: text },
          intent,
        )
        const expected = {
          title,
          tags: [tag],
          filename,
          owner: text,
          url: `https://files.example/${text}`,
          fileId: text,
        }
        expect(await get(id)).toMatchObject(expected)
        expect(await list({ tag, owner: text })).toMatchObject([expected])
      })

      it('32 tags in their order', async () => {
        const many = tags(...Array.from({ length: 32 }, (_, n) => `${(n * 7) % 32}${'ü'.repeat(60)}`))
        const { id } = await addStored({ tags: many })
        expect(await get(id)).toMatchObject({ tags: many })
      })

      it('an empty list of tags', async () => {
        const { id } = await addStored({ tags: [] })
        expect(await get(id)).toMatchObject({ tags: [] })
      })
    })

    describe('updates', () => {
      it('a row by calling the change with the current row and time', async () => {
        const row = await add()
        const calls: [Media, Date][] = []
        await repository.update(row.id, (media, now) => {
          calls.push([media, now])
          return abandon(media, row.attempt)
        })
        expect(calls).toStrictEqual([[row, expect.any(Date)]])
        const elapsedMs = (calls[0]?.[1].getTime() ?? 0) - row.createdAt.getTime()
        // Databases may round milliseconds up or down.
        expect(elapsedMs).toBeGreaterThanOrEqual(-1)
        expect(elapsedMs).toBeLessThan(60_000)
      })

      it('a row and returns the new row', async () => {
        const stored = await addStored()
        const title = parseTitle('another title')._unsafeUnwrap()
        const change = changeStored((media) => ({ ...media, title, tags: tags('new'), version: media.version + 1 }))
        const answer = (await repository.update(stored.id, change))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...stored, title, tags: tags('new'), version: 2 })
        expect(await get(stored.id)).toStrictEqual(answer)
      })

      it('only one row', async () => {
        const [one, other] = [await add(), await add()]
        await repository.update(one.id, (media) => abandon(media, one.attempt))
        expect(await get(other.id)).toStrictEqual(other)
      })

      it('nothing if the change returns an error, and passes on the error', async () => {
        const error = { type: 'change-failed' } as const
        for (const row of [await add(), await addStored(), await addAbandoned()]) {
          events = []
          const answer = await repository.update(row.id, () => err(error))
          expect(answer._unsafeUnwrapErr()).toEqual(error)
          expect(await get(row.id)).toStrictEqual(row)
          expect(events).toEqual([])
        }
      })

      it('nothing if another attempt holds the row', async () => {
        const row = await add()
        const answer = await repository.update(row.id, (media) => store(media, newAttempt(), newContents()))
        expect(answer._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: row })
        expect(await get(row.id)).toStrictEqual(row)
        expect(events).toEqual([])
      })

      it('nothing if the change throws, and can update the row afterwards', async () => {
        const row = await add()
        const bug = new Error('a bug')
        const change = () => {
          throw bug
        }
        expect(await outcome(() => repository.update(row.id, change))).not.toBe('done')
        expect(await get(row.id)).toStrictEqual(row)
        expect((await repository.update(row.id, (media) => abandon(media, row.attempt)))._unsafeUnwrap()).toMatchObject(
          { state: 'abandoned' },
        )
      })

      it('nothing without a row, and does not call the change', async () => {
        let isCalled = false
        const answer = await repository.update(newId(), (): Result<Transition, never> => {
          isCalled = true
          throw new Error('The change must not be called.')
        })
        expect(answer._unsafeUnwrapErr()).toEqual<NotFound>({ type: 'not-found' })
        expect(isCalled).toBe(false)
        expect(events).toEqual([])
      })
    })

    describe('stores every field of', () => {
      const discardedNow = { discardedAt: expect.any(Date) }

      it('a changed media item', async () => {
        const stored = await addStored({ tags: tags('x') })
        const changes = { title: parseTitle('another')._unsafeUnwrap(), tags: tags('y', 'x') }
        const answer = await repository.update(
          stored.id,
          whileStored((media) => change(media, changes)),
        )
        expect(answer._unsafeUnwrap()).toStrictEqual({ ...stored, ...changes, version: 2 })
        expect(await get(stored.id)).toStrictEqual(answer._unsafeUnwrap())
        expect(events.at(-1)).toEqual({ type: 'media-changed', id: stored.id })
      })

      it('a deleted media item, without its contents', async () => {
        const intent = newIntent()
        const { createdAt } = await addStored({}, intent)
        const answer = (await repository.update(intent.id, whileStored(markDeleted)))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...intent, state: 'deleted', createdAt, version: 2, discardedAt: undefined })
        expect(await get(intent.id)).toStrictEqual(answer)
        const { id, storage, storageKey } = intent
        expect(events.at(-1)).toMatchObject({ type: 'media-deleted', id, storage, storageKey })
      })

      it('an upload that another process abandons after its lease expired', async () => {
        const { leaseExpiresAt: _, ...receiving } = await add(newIntent(), 0)
        const answer = (await repository.update(receiving.id, expire))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...receiving, state: 'abandoned', version: 0, discardedAt: undefined })
        expect(await get(receiving.id)).toStrictEqual(answer)
        const { id, storage, storageKey } = receiving
        expect(events).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
      })

      it('an upload with a valid lease that another process tries to abandon', async () => {
        const row = await add(newIntent(), 60)
        const answer = await repository.update(row.id, expire)
        expect(answer._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: row })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it.each<[string, () => Promise<Media>]>([
        ['abandoned', addAbandoned],
        ['deleted', addDeleted],
      ])('a media item that was %s, with the time of its discard', async (_, create) => {
        const row = await create()
        const answer = await discard(row)
        expect(answer).toStrictEqual({ ...row, ...discardedNow })
        expect(await get(row.id)).toStrictEqual(answer)
        expect(await discard(row)).toStrictEqual(answer)
      })

      it.each<[string, () => Promise<Media>]>([
        ['was abandoned', addAbandoned],
        ['was abandoned and discarded', async () => discard(await addAbandoned())],
        ['has an expired lease', () => add(newIntent(), 0)],
      ])('the next attempt at an upload that %s', async (_, create) => {
        const before = await create()
        events = []
        const next = {
          ...newIntent({ id: before.id, filename: parseFileName('other.gif')._unsafeUnwrap() }),
          mimeType: 'image/gif' as ContentType,
          storage: 'another-storage',
        }
        const answer = await repository.update(before.id, (media, now) =>
          receiveAgain(media, next, now, { leaseSeconds: 60, forgetAfterSeconds: 60 }),
        )
        const receiving = answer._unsafeUnwrap()
        expect(receiving).toMatchObject({ ...next, state: 'receiving' })
        expect(receiving.leaseExpiresAt.getTime() - receiving.createdAt.getTime()).toBe(60_000)
        expect(await get(before.id)).toStrictEqual(receiving)
        const { id, storage, storageKey } = before
        expect(events).toEqual([{ type: 'attempt-replaced', id, storage, storageKey, writableSeconds: 60 }])

        expect((await repository.renew(id, before.attempt, 60))._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        const lateCommit = await repository.update(id, (media) => store(media, before.attempt, newContents()))
        expect(lateCommit._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: receiving })
        const stored = await repository.update(id, (media) => store(media, next.attempt, newContents()))
        expect(await get(id)).toStrictEqual(stored._unsafeUnwrap())
      })
    })

    describe('returns as due', () => {
      it('an upload whose lease has expired by its own clock, and no other upload', async () => {
        await add(newIntent(), 3600)
        const row = await add(newIntent(), 0)
        expect(await due()).toStrictEqual([row])
        await repository.renew(row.id, row.attempt, 3600)
        expect(await due()).toEqual([])
      })

      it('no stored media item', async () => {
        await addStored()
        expect(await due()).toEqual([])
      })

      it.each<[string, () => Promise<Media>]>([
        ['abandoned', addAbandoned],
        ['deleted', addDeleted],
      ])('a media item that was %s, until it is discarded, and again after `forgetAfterSeconds`', async (_, create) => {
        const row = await create()
        expect(await due(3600)).toStrictEqual([row])
        await discard(row)
        expect(await due(3600)).toEqual([])
        expect(await due(0)).toMatchObject([{ id: row.id }])
        const old = await discard(await create(), 3601)
        await discard(await create(), 3000)
        expect(await due(3600)).toStrictEqual([old])
      })

      it('each row once, page by page in the order of ids', async () => {
        const all: Media[] = []
        for (let n = 0; n < 4; n++)
          all.push(
            await add(newIntent(), 0),
            await addAbandoned(),
            await addDeleted(),
            await discard(await addAbandoned(), 10),
          )
        await addStored()
        const sorted = all.toSorted(byId)
        expect(await due(5)).toStrictEqual(sorted)
        expect(await due(5, undefined, 7)).toStrictEqual(sorted.slice(0, 7))
        expect(await due(5, sorted[6]?.id, 7)).toStrictEqual(sorted.slice(7, 14))
        expect(await due(5, sorted[13]?.id, 7)).toStrictEqual(sorted.slice(14))
        expect(await due(5, sorted[15]?.id, 7)).toEqual([])
      })
    })

    describe('forgets', () => {
      it.each<[string, () => Promise<Media>]>([
        ['abandoned', addAbandoned],
        ['deleted', addDeleted],
      ])('a media item that was %s, for its own attempt only, and succeeds the second time', async (_, create) => {
        const [{ id, attempt }, other] = [await create(), await create()]
        expect((await repository.forget(id, other.attempt)).isOk()).toBe(true)
        expect((await repository.get(id)).isOk()).toBe(true)
        expect((await repository.forget(id, attempt)).isOk()).toBe(true)
        expect((await repository.forget(id, attempt)).isOk()).toBe(true)
        expect((await repository.get(id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
        expect(await scan()).toStrictEqual([other])
        expect((await repository.add(newIntent({ id }), 60)).isOk()).toBe(true)
      })

      it.each<[string, () => Promise<Media>]>([
        ['receiving', () => add(newIntent(), 0)],
        ['stored', () => addStored()],
      ])('no row in the state %s', async (_, create) => {
        const row = await create()
        expect((await repository.forget(row.id, row.attempt)).isOk()).toBe(true)
        expect(await get(row.id)).toStrictEqual(row)
      })
    })

    describe('scans', () => {
      it('rows in every state, page by page in the order of ids', async () => {
        const all: Media[] = []
        for (let n = 0; n < 3; n++) all.push(await add(), await addStored(), await addAbandoned(), await addDeleted())
        const sorted = all.toSorted(byId)
        expect(await scan()).toStrictEqual(sorted)
        expect(await scan(undefined, 5)).toStrictEqual(sorted.slice(0, 5))
        expect(await scan(sorted[4]?.id, 5)).toStrictEqual(sorted.slice(5, 10))
        expect(await scan(sorted[9]?.id, 5)).toStrictEqual(sorted.slice(10))
        expect(await scan(sorted[11]?.id, 5)).toEqual([])
      })

      it('nothing if there are no rows', async () => {
        expect(await scan()).toEqual([])
      })
    })

    describe('publishes', () => {
      it('an event for a stored media item', async () => {
        const { id, attempt } = await addStored()
        expect(events).toEqual([{ type: 'media-stored', id, attempt }])
      })

      it('an event for an abandoned upload that names its file', async () => {
        const { id, storage, storageKey } = await addAbandoned()
        expect(events).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
      })

      it('no event for a transition that fails', async () => {
        const { id, attempt } = await addAbandoned()
        const again = await repository.update(id, (media) => abandon(media, attempt))
        expect(again._unsafeUnwrapErr()).toMatchObject({ type: 'fence-lost', media: { state: 'abandoned' } })
        expect(events).toHaveLength(1)
      })

      it('events in the same transaction: the change is rolled back if they cannot be delivered', async () => {
        const row = await add()
        publish = () => {
          throw new Error('The outbox does not answer.')
        }
        const change = (media: Media) => store(media, row.attempt, newContents())
        expect(await outcome(() => repository.update(row.id, change))).not.toBe('done')
        expect(await get(row.id)).toStrictEqual(row)
      })
    })

    describe('renews a lease', () => {
      it('from the current time, and changes nothing else', async () => {
        const row = await add(newIntent(), 10)
        expect((await repository.renew(row.id, row.attempt, 3600)).isOk()).toBe(true)
        const { leaseExpiresAt, ...rest } = (await get(row.id)) as Receiving
        const { leaseExpiresAt: _, ...unchanged } = row
        expect(rest).toStrictEqual(unchanged)
        const ahead = leaseExpiresAt.getTime() - row.createdAt.getTime()
        expect(ahead).toBeGreaterThanOrEqual(3_599_999)
        expect(ahead).toBeLessThan(3_660_000)
        expect(events).toEqual([])
      })

      it('also if the new lease is shorter', async () => {
        const row = await add(newIntent(), 3600)
        await repository.renew(row.id, row.attempt, 10)
        const { leaseExpiresAt } = (await get(row.id)) as Receiving
        expect(leaseExpiresAt.getTime()).toBeLessThan(row.leaseExpiresAt.getTime())
      })

      it('that has expired, if the row is still receiving', async () => {
        const row = await add(newIntent(), 0)
        expect((await repository.renew(row.id, row.attempt, 60)).isOk()).toBe(true)
      })

      it('only for the attempt that holds it', async () => {
        const row = await add()
        const answer = await repository.renew(row.id, newAttempt(), 3600)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('of no stored media item', async () => {
        const row = await addStored()
        const answer = await repository.renew(row.id, row.attempt, 60)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('of no abandoned upload', async () => {
        const row = await addAbandoned()
        const answer = await repository.renew(row.id, row.attempt, 60)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await get(row.id)).toStrictEqual(row)
      })

      it('of no unknown id', async () => {
        expect((await repository.renew(newId(), newAttempt(), 60))._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
      })
    })

    describe('lists', () => {
      it('nothing if no media item is stored', async () => {
        await add()
        await addAbandoned()
        expect(await list()).toEqual([])
      })

      it('stored media items with every field', async () => {
        await add()
        await addAbandoned()
        const stored = await addStored({ tags: tags('x', 'y') })
        expect(await list()).toStrictEqual([stored])
      })

      it('the newest first, and by descending id if the times are equal', async () => {
        const all = await Promise.all(Array.from({ length: 40 }, () => addStored()))
        expect(await list()).toStrictEqual(all.toSorted(newestFirst))
      })

      it('by the time at which uploads started, not ended', async () => {
        const first = await add()
        await waitForClock(first)
        const second = await addStored()
        await repository.update(first.id, (media) => store(media, first.attempt, newContents()))
        expect((await list()).map(({ id }) => id)).toEqual([second.id, first.id])
      })

      it('at most `limit` items', async () => {
        const all = await Promise.all(Array.from({ length: 5 }, () => addStored()))
        expect(await list({ limit: 2 })).toStrictEqual(all.toSorted(newestFirst).slice(0, 2))
      })

      it('the items after any given item', async () => {
        await Promise.all(Array.from({ length: 12 }, () => addStored()))
        const all = await list()
        for (const [index, after] of all.entries()) expect(await list({ after })).toStrictEqual(all.slice(index + 1))
      })

      it.each([1, 7])('every item once, in pages of %d', async (limit) => {
        const all = await Promise.all(Array.from({ length: 20 }, () => addStored()))
        const ids: Stored[] = []
        for (let page = await list({ limit }); page.length > 0; page = await list({ limit, after: ids.at(-1) })) {
          ids.push(...page)
          expect(ids.length).toBeLessThanOrEqual(all.length)
        }
        expect(ids).toStrictEqual(all.toSorted(newestFirst))
      })

      it('the items after a place without a row', async () => {
        const stored = await addStored()
        const before = { createdAt: new Date(stored.createdAt.getTime() + 1), id: newId() }
        expect(await list({ after: before })).toStrictEqual([stored])
        expect(await list({ after: { ...before, createdAt: new Date(0) } })).toEqual([])
      })

      it('the items of one owner', async () => {
        const [mine, others] = [newIntent({ owner: 'me' }), newIntent({ owner: 'ME' })]
        await addStored({}, others)
        const stored = await addStored({}, mine)
        expect(await list({ owner: 'me' })).toStrictEqual([stored])
        expect(await list({ owner: 'm' })).toEqual([])
      })

      it('the items with exactly one tag', async () => {
        await addStored({ tags: tags('summer time', 'sum') })
        const stored = await addStored({ tags: tags('winter', 'summer') })
        expect(await list({ tag: tag('summer') })).toStrictEqual([stored])
        expect(await list({ tag: tag('summe%') })).toEqual([])
      })

      it('the items of one owner with a tag, page by page', async () => {
        const expected: Stored[] = []
        for (let n = 0; n < 3; n++) {
          await addStored({ tags: tags('y') }, newIntent({ owner: 'me' }))
          await addStored({ tags: tags('x') }, newIntent({ owner: 'another' }))
          expected.push(await addStored({ tags: tags('x', `${n}`) }, newIntent({ owner: 'me' })))
        }
        const sorted = expected.toSorted(newestFirst)
        const query = { owner: 'me', tag: tag('x'), limit: 2 }
        expect(await list(query)).toStrictEqual(sorted.slice(0, 2))
        expect(await list({ ...query, after: sorted[1] })).toStrictEqual(sorted.slice(2))
      })
    })

    describe('under concurrency', () => {
      it('adds one row if a hundred calls add the same id', async () => {
        const id = newId()
        const answers = await Promise.all(Array.from({ length: 100 }, () => repository.add(newIntent({ id }), 60)))
        const winners = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
        expect(winners).toHaveLength(1)
        for (const answer of answers)
          if (answer.isErr()) expect(answer.error).toStrictEqual({ type: 'already-there', media: winners[0] })
        expect(await get(id)).toStrictEqual(winners[0])
      })

      it('passes the previous change to each of fifty updates of one row', async () => {
        const { id } = await addStored()
        const once = changeStored((media) => ({ ...media, version: media.version + 1 }))
        const answers = await Promise.all(Array.from({ length: 50 }, () => repository.update(id, once)))
        const versions = answers.map((answer) => answer._unsafeUnwrap().version)
        expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 2))
        expect(await get(id)).toMatchObject({ version: 51 })
      })

      it.each(Array.from({ length: 5 }, (_, round) => round + 1))(
        'either stores or abandons an attempt, never both (round %d)',
        async (round) => {
          const { id, attempt } = await add()
          const answers = await Promise.all(
            Array.from({ length: 20 }, (_, n) =>
              (n + round) % 2 === 0
                ? repository.update<Media, unknown>(id, (media) => store(media, attempt, newContents()))
                : repository.update<Media, unknown>(id, (media) => abandon(media, attempt)),
            ),
          )
          const end = await get(id)
          expect(['stored', 'abandoned']).toContain(end.state)
          const winners = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
          expect(winners).toStrictEqual([end])
          for (const answer of answers)
            if (answer.isErr()) expect(answer.error).toStrictEqual({ type: 'fence-lost', media: end })
          expect(events.map(({ type }) => type)).toEqual([`media-${end.state}`])
        },
      )

      it('starts one next attempt if twenty calls try to', async () => {
        const { id } = await addAbandoned()
        events = []
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => {
            const next = newIntent({ id })
            return repository.update(id, (media, now) =>
              receiveAgain(media, next, now, { leaseSeconds: 60, forgetAfterSeconds: 60 }),
            )
          }),
        )
        const winners = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
        expect(winners).toStrictEqual([await get(id)])
        expect(events.map(({ type }) => type)).toEqual(['attempt-replaced'])
      })

      it('keeps a media item deleted that is changed at the same time', async () => {
        const { id } = await addStored()
        await Promise.all(
          Array.from({ length: 20 }, (_, n) => {
            const title = parseTitle(`${n}`)._unsafeUnwrap()
            return repository.update(
              id,
              whileStored<Media>((media) => (n === 10 ? markDeleted(media) : change(media, { title }))),
            )
          }),
        )
        expect(await get(id)).toMatchObject({ state: 'deleted' })
        expect(events.at(-1)).toMatchObject({ type: 'media-deleted' })
      })

      it('keeps an upload abandoned whose lease is renewed at the same time', async () => {
        const { id, attempt } = await add()
        await Promise.all(
          Array.from({ length: 20 }, async (_, n) =>
            n === 10 ? repository.update(id, (media) => abandon(media, attempt)) : repository.renew(id, attempt, 60),
          ),
        )
        expect(await get(id)).toMatchObject({ state: 'abandoned' })
      })

      it('lists each of 60 stored media items once', async () => {
        const all = await Promise.all(Array.from({ length: 60 }, () => addStored()))
        expect(await list()).toStrictEqual(all.toSorted(newestFirst))
        expect(events).toHaveLength(60)
      })

      it('lists only complete media items while others are stored', async () => {
        const uploads = Promise.all(Array.from({ length: 30 }, () => addStored({ tags: tags('x') })))
        const pages = await Promise.all(Array.from({ length: 10 }, () => list()))
        await uploads
        for (const media of pages.flat()) expect(media).toMatchObject({ state: 'stored', tags: ['x'], version: 1 })
        expect(await list()).toHaveLength(30)
      })
    })

    /** Waits until the clock of the repository has passed the time at which `media` was created. */
    async function waitForClock({ createdAt }: Media): Promise<void> {
      for (;;) if ((await add()).createdAt > createdAt) return
    }
  })
}

const tag = (raw: string): Tag => parseTag(raw)._unsafeUnwrap()
const tags = (...raw: string[]): readonly Tag[] => parseTags(raw)._unsafeUnwrap()

export function newIntent(fields: Partial<Pick<Intent, 'id' | 'owner' | 'filename'>> = {}): Intent {
  const id = fields.id ?? newId()
  const attempt = newAttempt()
  return {
    id,
    owner: 'anonymous',
    attempt,
    storage: 'some-storage',
    storageKey: storageKey(id, attempt),
    filename: parseFileName('a picture.png')._unsafeUnwrap(),
    mimeType: 'image/png' as ContentType,
    ...fields,
  }
}

const newContents = (fields: Partial<Contents> = {}): Contents => ({
  fileId: randomUUID(),
  url: 'https://files.example/a',
  sizeBytes: 70,
  sha256: parseSha256(sha256(noise(8)))._unsafeUnwrap(),
  title: parseTitle('a picture')._unsafeUnwrap(),
  tags: [],
  fingerprint: parseSha256(sha256(noise(8, 'fingerprint')))._unsafeUnwrap(),
  ...fields,
})

/** A change of a stored media item without events. */
const changeStored = (alter: (media: Stored) => Stored) => whileStored((media) => ({ media: alter(media), events: [] }))

const whileStored =
  <To extends Media>(transition: (media: Stored) => Transition<To>) =>
  (media: Media): Result<Transition<To>, 'not stored'> =>
    media.state === 'stored' ? ok(transition(media)) : err('not stored')

const byId = (a: Media, b: Media): number => (a.id < b.id ? -1 : 1)

const newestFirst = (a: Media, b: Media): number =>
  b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1)

/** Returns how the work ended. A change with a bug may make it throw. */
const outcome = async (work: () => ResultAsync<unknown, unknown>): Promise<'done' | 'refused' | 'thrown'> => {
  try {
    return (await work()).isOk() ? 'done' : 'refused'
  } catch {
    return 'thrown'
  }
}
