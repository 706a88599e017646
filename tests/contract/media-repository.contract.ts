import { randomBytes, randomUUID } from 'node:crypto'
import { err, ok, type Result, type ResultAsync } from 'neverthrow'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ListQuery, MediaRepository, NotFound } from '../../src/application/ports/media-repository.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'
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

export type Publish = (events: readonly MediaEvent[]) => void

export interface OpenedRepository {
  readonly repository: MediaRepository
}

/**
 * What every MediaRepository owes.
 * @param openEmpty opens a repository without rows, for one check, that hands the events of a transition to `publish`
 * within its transaction; it registers its own clearing away.
 * @param concurrent whether many calls at once are worth trying (not where one connection runs one after the other).
 */
export function mediaRepositoryContract(
  name: string,
  openEmpty: (publish: Publish) => Promise<OpenedRepository>,
  { concurrent }: { readonly concurrent: boolean },
): void {
  describe(`MediaRepository: ${name}`, () => {
    let repository: MediaRepository
    let published: MediaEvent[]
    let publishing: Publish

    beforeEach(async () => {
      published = []
      publishing = (events) => void published.push(...events)
      ;({ repository } = await openEmpty((events) => publishing(events)))
    })

    const added = async (intent = newIntent(), leaseSeconds = 60): Promise<Receiving> =>
      (await repository.add(intent, leaseSeconds))._unsafeUnwrap()
    const found = async (id: MediaId): Promise<Media> => (await repository.get(id))._unsafeUnwrap()
    const listed = async (query: Partial<ListQuery> = {}): Promise<readonly Stored[]> =>
      (await repository.list({ limit: 1000, ...query }))._unsafeUnwrap()
    const committed = async (contents: Partial<Contents> = {}, intent = newIntent()): Promise<Stored> => {
      const { id, attempt } = await added(intent)
      return (await repository.update(id, (media) => store(media, attempt, newContents(contents))))._unsafeUnwrap()
    }
    const givenUp = async (): Promise<Abandoned> => {
      const { id, attempt } = await added()
      return (await repository.update(id, (media) => abandon(media, attempt)))._unsafeUnwrap()
    }

    const deleted = async (): Promise<Deleted> => {
      const { id } = await committed()
      return (await repository.update(id, whileStored(markDeleted)))._unsafeUnwrap()
    }
    /** Its bytes were first known to be gone so many seconds ago. */
    const discarded = async ({ id, storageKey }: Media, secondsAgo = 0): Promise<Media> =>
      (
        await repository.update(id, (media, now) =>
          markDiscarded(media, storageKey, new Date(now.getTime() - secondsAgo * 1000)),
        )
      )._unsafeUnwrap()
    const due = async (forgetAfterSeconds = 0, after?: MediaId, limit = 1000): Promise<readonly Media[]> =>
      (await repository.due(forgetAfterSeconds, after, limit))._unsafeUnwrap()
    const scanned = async (after?: MediaId, limit = 1000): Promise<readonly Media[]> =>
      (await repository.scan(after, limit))._unsafeUnwrap()

    describe('adds', () => {
      it('a row that can be got again, every field of it', async () => {
        const intent = newIntent({ owner: 'somebody' })
        const receiving = await added(intent, 45)
        expect(receiving).toMatchObject({ ...intent, state: 'receiving' })
        expect(await found(intent.id)).toStrictEqual(receiving)
      })

      it('with the time of its own clock, in whole milliseconds, and a lease from then on', async () => {
        const before = Date.now()
        const { createdAt, leaseExpiresAt } = await added(newIntent(), 45)
        expect(Number.isInteger(createdAt.getTime())).toBe(true)
        expect(Math.abs(createdAt.getTime() - before)).toBeLessThan(60_000)
        expect(Math.abs(leaseExpiresAt.getTime() - createdAt.getTime() - 45_000)).toBeLessThan(1000)
      })

      it('no second row for one id, and shows the one that is being received', async () => {
        const there = await added()
        const again = await repository.add(newIntent({ id: there.id }), 3600)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: there })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('no second row where the lease has run out', async () => {
        const there = await added(newIntent(), 0)
        const again = await repository.add(newIntent({ id: there.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: there })
      })

      it('no second row for one id, and shows the one that is stored', async () => {
        const there = await committed()
        const again = await repository.add(newIntent({ id: there.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: there })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('no second row for one id, and shows the one that was abandoned', async () => {
        const there = await givenUp()
        const again = await repository.add(newIntent({ id: there.id }), 60)
        expect(again._unsafeUnwrapErr()).toStrictEqual({ type: 'already-there', media: there })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('without telling anybody', async () => {
        await added()
        expect(published).toEqual([])
      })
    })

    describe('gets', () => {
      it('nothing by an id that no row has', async () => {
        await added()
        expect((await repository.get(newId()))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
      })

      it('a stored media, every field of it', async () => {
        const receiving = await added()
        const contents = newContents({
          tags: tags('b', 'a', 'c'),
          fileId: 'file id',
          url: 'https://files.example/a?b=c',
        })
        const change = (media: Media) => store(media, receiving.attempt, contents)
        const answer = (await repository.update(receiving.id, change))._unsafeUnwrap()
        const { leaseExpiresAt: _, ...kept } = receiving
        expect(answer).toStrictEqual({ ...kept, ...contents, state: 'stored', version: 1 })
        expect(await found(receiving.id)).toStrictEqual(answer)
      })

      it('an abandoned media, every field of it', async () => {
        const receiving = await added()
        const answer = (
          await repository.update(receiving.id, (media) => abandon(media, receiving.attempt))
        )._unsafeUnwrap()
        const { leaseExpiresAt: _, ...kept } = receiving
        expect(answer).toStrictEqual({ ...kept, state: 'abandoned', version: 0, discardedAt: undefined })
        expect(await found(receiving.id)).toStrictEqual(answer)
      })

      it.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])('a size of %d bytes', async (sizeBytes) => {
        const { id } = await committed({ sizeBytes })
        expect(await found(id)).toMatchObject({ sizeBytes })
      })

      it.each([
        ['letters with marks', 'Ångström naïve e\u0301té'],
        ['pictures of several code points', '👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷'],
        ['other scripts', 'Ελληνικά العربية 日本語 हिन्दी'],
        ['quotes of all sorts', `' '' " "" \` “ ” ;--`],
        ['backslashes and escapes', String.raw`\ \\ \n \u0000 \x00 E'\\'`],
        ['braces and percent signs', '{a,b} %s %% ${x} $1 :x ? _'],
        ['the words null and undefined', 'NULL null undefined'],
        ['an instruction', `'); DROP TABLE media_job; --`],
        ['the last code point', '\u{10FFFD}'],
      ])('text of %s', async (_, text) => {
        const title = parseTitle(text)._unsafeUnwrap()
        const tag = parseTag(text.replaceAll(',', ''))._unsafeUnwrap()
        const filename = parseFileName(`${text.replaceAll(/[/\\]/g, '')}.png`)._unsafeUnwrap()
        const intent = newIntent({ owner: text, filename })
        const { id } = await committed({ title, tags: [tag], url: `/${text}`, fileId: text }, intent)
        const kept = { title, tags: [tag], filename, owner: text, url: `/${text}`, fileId: text }
        expect(await found(id)).toMatchObject(kept)
        expect(await listed({ tag, owner: text })).toMatchObject([kept])
      })

      it('as many tags as there may be, in their order', async () => {
        const many = tags(...Array.from({ length: 32 }, (_, n) => `${(n * 7) % 32}${'ü'.repeat(60)}`))
        const { id } = await committed({ tags: many })
        expect(await found(id)).toMatchObject({ tags: many })
      })

      it('no tags where there are none', async () => {
        const { id } = await committed({ tags: [] })
        expect(await found(id)).toMatchObject({ tags: [] })
      })
    })

    describe('updates', () => {
      it('by giving the row as it is, and the time, to the change', async () => {
        const there = await added()
        const seen: [Media, Date][] = []
        await repository.update(there.id, (media, now) => {
          seen.push([media, now])
          return abandon(media, there.attempt)
        })
        expect(seen).toStrictEqual([[there, expect.any(Date)]])
        const waited = (seen[0]?.[1].getTime() ?? 0) - there.createdAt.getTime()
        // Databases round to milliseconds, up or down.
        expect(waited).toBeGreaterThanOrEqual(-1)
        expect(waited).toBeLessThan(60_000)
      })

      it('so that what the change made is answered and kept', async () => {
        const stored = await committed()
        const title = parseTitle('another title')._unsafeUnwrap()
        const change = changed((media) => ({ ...media, title, tags: tags('new'), version: media.version + 1 }))
        const answer = (await repository.update(stored.id, change))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...stored, title, tags: tags('new'), version: 2 })
        expect(await found(stored.id)).toStrictEqual(answer)
      })

      it('one row and no other', async () => {
        const [one, other] = [await added(), await added()]
        await repository.update(one.id, (media) => abandon(media, one.attempt))
        expect(await found(other.id)).toStrictEqual(other)
      })

      it('nothing when the change errs, and passes its error on', async () => {
        const refusal = { type: 'changed-its-mind' } as const
        for (const there of [await added(), await committed(), await givenUp()]) {
          published = []
          const answer = await repository.update(there.id, () => err(refusal))
          expect(answer._unsafeUnwrapErr()).toEqual(refusal)
          expect(await found(there.id)).toStrictEqual(there)
          expect(published).toEqual([])
        }
      })

      it('nothing when another attempt holds the row', async () => {
        const there = await added()
        const answer = await repository.update(there.id, (media) => store(media, newAttempt(), newContents()))
        expect(answer._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: there })
        expect(await found(there.id)).toStrictEqual(there)
        expect(published).toEqual([])
      })

      it('nothing when the change throws, and the row can be changed afterwards', async () => {
        const there = await added()
        const fault = new Error('a bug')
        const change = () => {
          throw fault
        }
        expect(await outcome(() => repository.update(there.id, change))).not.toBe('done')
        expect(await found(there.id)).toStrictEqual(there)
        expect(
          (await repository.update(there.id, (media) => abandon(media, there.attempt)))._unsafeUnwrap(),
        ).toMatchObject({ state: 'abandoned' })
      })

      it('nothing that is not there, without asking the change', async () => {
        let asked = false
        const answer = await repository.update(newId(), (): Result<Transition, never> => {
          asked = true
          throw new Error('asked')
        })
        expect(answer._unsafeUnwrapErr()).toEqual<NotFound>({ type: 'not-found' })
        expect(asked).toBe(false)
        expect(published).toEqual([])
      })
    })

    describe('keeps every field of', () => {
      const discardedNow = { discardedAt: expect.any(Date) }

      it('a media that was changed', async () => {
        const stored = await committed({ tags: tags('x') })
        const changes = { title: parseTitle('another')._unsafeUnwrap(), tags: tags('y', 'x') }
        const answer = await repository.update(
          stored.id,
          whileStored((media) => change(media, changes)),
        )
        expect(answer._unsafeUnwrap()).toStrictEqual({ ...stored, ...changes, version: 2 })
        expect(await found(stored.id)).toStrictEqual(answer._unsafeUnwrap())
        expect(published.at(-1)).toEqual({ type: 'media-changed', id: stored.id })
      })

      it('a media that was deleted, and nothing that people saw', async () => {
        const intent = newIntent()
        const { createdAt } = await committed({}, intent)
        const answer = (await repository.update(intent.id, whileStored(markDeleted)))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...intent, state: 'deleted', createdAt, version: 2, discardedAt: undefined })
        expect(await found(intent.id)).toStrictEqual(answer)
        const { id, storage, storageKey } = intent
        expect(published.at(-1)).toMatchObject({ type: 'media-deleted', id, storage, storageKey })
      })

      it('an upload that others put away, by the time that they are given', async () => {
        const { leaseExpiresAt: _, ...receiving } = await added(newIntent(), 0)
        const answer = (await repository.update(receiving.id, expire))._unsafeUnwrap()
        expect(answer).toStrictEqual({ ...receiving, state: 'abandoned', version: 0, discardedAt: undefined })
        expect(await found(receiving.id)).toStrictEqual(answer)
        const { id, storage, storageKey } = receiving
        expect(published).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
      })

      it('an upload whose lease runs on, when others would put it away', async () => {
        const there = await added(newIntent(), 60)
        const answer = await repository.update(there.id, expire)
        expect(answer._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: there })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it.each<[string, () => Promise<Media>]>([
        ['abandoned', givenUp],
        ['deleted', deleted],
      ])('a media that was %s, and when its bytes were gone', async (_, make) => {
        const there = await make()
        const answer = await discarded(there)
        expect(answer).toStrictEqual({ ...there, ...discardedNow })
        expect(await found(there.id)).toStrictEqual(answer)
        expect(await discarded(there)).toStrictEqual(answer)
      })

      it.each<[string, () => Promise<Media>]>([
        ['was abandoned', givenUp],
        ['was abandoned and discarded', async () => discarded(await givenUp())],
        ['has a lease that ran out', () => added(newIntent(), 0)],
      ])('the next attempt at an upload that %s', async (_, make) => {
        const before = await make()
        published = []
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
        expect(await found(before.id)).toStrictEqual(receiving)
        const { id, storage, storageKey } = before
        expect(published).toEqual([{ type: 'attempt-replaced', id, storage, storageKey }])

        expect((await repository.renew(id, before.attempt, 60))._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        const late = await repository.update(id, (media) => store(media, before.attempt, newContents()))
        expect(late._unsafeUnwrapErr()).toStrictEqual({ type: 'fence-lost', media: receiving })
        const stored = await repository.update(id, (media) => store(media, next.attempt, newContents()))
        expect(await found(id)).toStrictEqual(stored._unsafeUnwrap())
      })
    })

    describe('is due', () => {
      it('what is received under a lease that ran out by its own clock, and nothing under another', async () => {
        await added(newIntent(), 3600)
        const there = await added(newIntent(), 0)
        expect(await due()).toStrictEqual([there])
        await repository.renew(there.id, there.attempt, 3600)
        expect(await due()).toEqual([])
      })

      it('never what is stored', async () => {
        await committed()
        expect(await due()).toEqual([])
      })

      it.each<[string, () => Promise<Media>]>([
        ['abandoned', givenUp],
        ['deleted', deleted],
      ])('what was %s, until its bytes are gone, and again long after', async (_, make) => {
        const never = await make()
        expect(await due(3600)).toStrictEqual([never])
        await discarded(never)
        expect(await due(3600)).toEqual([])
        expect(await due(0)).toMatchObject([{ id: never.id }])
        const longAgo = await discarded(await make(), 3601)
        await discarded(await make(), 3000)
        expect(await due(3600)).toStrictEqual([longAgo])
      })

      it('page by page in the order of ids, each once', async () => {
        const all: Media[] = []
        for (let n = 0; n < 4; n++)
          all.push(await added(newIntent(), 0), await givenUp(), await deleted(), await discarded(await givenUp(), 10))
        await committed()
        const order = all.toSorted(byId)
        expect(await due(5)).toStrictEqual(order)
        expect(await due(5, undefined, 7)).toStrictEqual(order.slice(0, 7))
        expect(await due(5, order[6]?.id, 7)).toStrictEqual(order.slice(7, 14))
        expect(await due(5, order[13]?.id, 7)).toStrictEqual(order.slice(14))
        expect(await due(5, order[15]?.id, 7)).toEqual([])
      })
    })

    describe('forgets', () => {
      it.each<[string, () => Promise<Media>]>([
        ['abandoned', givenUp],
        ['deleted', deleted],
      ])('what was %s, also twice, under its attempt alone, and nothing else', async (_, make) => {
        const [{ id, attempt }, other] = [await make(), await make()]
        expect((await repository.forget(id, other.attempt)).isOk()).toBe(true)
        expect((await repository.get(id)).isOk()).toBe(true)
        expect((await repository.forget(id, attempt)).isOk()).toBe(true)
        expect((await repository.forget(id, attempt)).isOk()).toBe(true)
        expect((await repository.get(id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
        expect(await scanned()).toStrictEqual([other])
        expect((await repository.add(newIntent({ id }), 60)).isOk()).toBe(true)
      })

      it.each<[string, () => Promise<Media>]>([
        ['received', () => added(newIntent(), 0)],
        ['stored', () => committed()],
      ])('nothing that is %s', async (_, make) => {
        const there = await make()
        expect((await repository.forget(there.id, there.attempt)).isOk()).toBe(true)
        expect(await found(there.id)).toStrictEqual(there)
      })
    })

    describe('scans', () => {
      it('rows in every state, page by page in the order of ids', async () => {
        const all: Media[] = []
        for (let n = 0; n < 3; n++) all.push(await added(), await committed(), await givenUp(), await deleted())
        const order = all.toSorted(byId)
        expect(await scanned()).toStrictEqual(order)
        expect(await scanned(undefined, 5)).toStrictEqual(order.slice(0, 5))
        expect(await scanned(order[4]?.id, 5)).toStrictEqual(order.slice(5, 10))
        expect(await scanned(order[9]?.id, 5)).toStrictEqual(order.slice(10))
        expect(await scanned(order[11]?.id, 5)).toEqual([])
      })

      it('nothing where there is nothing', async () => {
        expect(await scanned()).toEqual([])
      })
    })

    describe('tells', () => {
      it('of a media that was stored', async () => {
        const { id, attempt } = await committed()
        expect(published).toEqual([{ type: 'media-stored', id, attempt }])
      })

      it('of a media that was abandoned, and where its bytes may lie', async () => {
        const { id, storage, storageKey } = await givenUp()
        expect(published).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
      })

      it('nothing twice', async () => {
        const { id, attempt } = await givenUp()
        const again = await repository.update(id, (media) => abandon(media, attempt))
        expect(again._unsafeUnwrapErr()).toMatchObject({ type: 'fence-lost', media: { state: 'abandoned' } })
        expect(published).toHaveLength(1)
      })

      it('or writes nothing: an event that cannot be delivered takes the change with it', async () => {
        const there = await added()
        publishing = () => {
          throw new Error('nobody takes events now')
        }
        const change = (media: Media) => store(media, there.attempt, newContents())
        expect(await outcome(() => repository.update(there.id, change))).not.toBe('done')
        expect(await found(there.id)).toStrictEqual(there)
      })
    })

    describe('renews a lease', () => {
      it('from now on, and changes nothing else', async () => {
        const there = await added(newIntent(), 10)
        expect((await repository.renew(there.id, there.attempt, 3600)).isOk()).toBe(true)
        const { leaseExpiresAt, ...rest } = (await found(there.id)) as Receiving
        const { leaseExpiresAt: _, ...unchanged } = there
        expect(rest).toStrictEqual(unchanged)
        const ahead = leaseExpiresAt.getTime() - there.createdAt.getTime()
        expect(ahead).toBeGreaterThanOrEqual(3_599_999)
        expect(ahead).toBeLessThan(3_660_000)
        expect(published).toEqual([])
      })

      it('also to an earlier end', async () => {
        const there = await added(newIntent(), 3600)
        await repository.renew(there.id, there.attempt, 10)
        const { leaseExpiresAt } = (await found(there.id)) as Receiving
        expect(leaseExpiresAt.getTime()).toBeLessThan(there.leaseExpiresAt.getTime())
      })

      it('that has run out, as long as nobody put the row away', async () => {
        const there = await added(newIntent(), 0)
        expect((await repository.renew(there.id, there.attempt, 60)).isOk()).toBe(true)
      })

      it('for nobody but the attempt that holds it', async () => {
        const there = await added()
        const answer = await repository.renew(there.id, newAttempt(), 3600)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('of nothing that is stored', async () => {
        const there = await committed()
        const answer = await repository.renew(there.id, there.attempt, 60)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('of nothing that was abandoned', async () => {
        const there = await givenUp()
        const answer = await repository.renew(there.id, there.attempt, 60)
        expect(answer._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
        expect(await found(there.id)).toStrictEqual(there)
      })

      it('of nothing that is not there', async () => {
        expect((await repository.renew(newId(), newAttempt(), 60))._unsafeUnwrapErr()).toEqual({ type: 'lease-lost' })
      })
    })

    describe('lists', () => {
      it('nothing where nothing is stored', async () => {
        await added()
        await givenUp()
        expect(await listed()).toEqual([])
      })

      it('what is stored, as it can be got', async () => {
        await added()
        await givenUp()
        const stored = await committed({ tags: tags('x', 'y') })
        expect(await listed()).toStrictEqual([stored])
      })

      it('the newest first, and of one moment the greatest id first', async () => {
        const all = await Promise.all(Array.from({ length: 40 }, () => committed()))
        expect(await listed()).toStrictEqual(all.toSorted(newestFirst))
      })

      it('in the order in which uploads began, not ended', async () => {
        const first = await added()
        await later(first)
        const second = await committed()
        await repository.update(first.id, (media) => store(media, first.attempt, newContents()))
        expect((await listed()).map(({ id }) => id)).toEqual([second.id, first.id])
      })

      it('no more than the limit', async () => {
        const all = await Promise.all(Array.from({ length: 5 }, () => committed()))
        expect(await listed({ limit: 2 })).toStrictEqual(all.toSorted(newestFirst).slice(0, 2))
      })

      it('after any media those that come behind it', async () => {
        await Promise.all(Array.from({ length: 12 }, () => committed()))
        const all = await listed()
        for (const [index, after] of all.entries()) expect(await listed({ after })).toStrictEqual(all.slice(index + 1))
      })

      it.each([1, 7])('every media once, in pages of %d', async (limit) => {
        const all = await Promise.all(Array.from({ length: 20 }, () => committed()))
        const reached: Stored[] = []
        for (
          let page = await listed({ limit });
          page.length > 0;
          page = await listed({ limit, after: reached.at(-1) })
        ) {
          reached.push(...page)
          expect(reached.length).toBeLessThanOrEqual(all.length)
        }
        expect(reached).toStrictEqual(all.toSorted(newestFirst))
      })

      it('on, after a place where no row is', async () => {
        const stored = await committed()
        const before = { createdAt: new Date(stored.createdAt.getTime() + 1), id: newId() }
        expect(await listed({ after: before })).toStrictEqual([stored])
        expect(await listed({ after: { ...before, createdAt: new Date(0) } })).toEqual([])
      })

      it('what one owner has', async () => {
        const [mine, others] = [newIntent({ owner: 'me' }), newIntent({ owner: 'ME' })]
        await committed({}, others)
        const stored = await committed({}, mine)
        expect(await listed({ owner: 'me' })).toStrictEqual([stored])
        expect(await listed({ owner: 'm' })).toEqual([])
      })

      it('what has a tag, the whole of it', async () => {
        await committed({ tags: tags('summer time', 'sum') })
        const stored = await committed({ tags: tags('winter', 'summer') })
        expect(await listed({ tag: tag('summer') })).toStrictEqual([stored])
        expect(await listed({ tag: tag('summe%') })).toEqual([])
      })

      it('what one owner has with a tag, page by page', async () => {
        const wanted: Stored[] = []
        for (let n = 0; n < 3; n++) {
          await committed({ tags: tags('y') }, newIntent({ owner: 'me' }))
          await committed({ tags: tags('x') }, newIntent({ owner: 'another' }))
          wanted.push(await committed({ tags: tags('x', `${n}`) }, newIntent({ owner: 'me' })))
        }
        const order = wanted.toSorted(newestFirst)
        const query = { owner: 'me', tag: tag('x'), limit: 2 }
        expect(await listed(query)).toStrictEqual(order.slice(0, 2))
        expect(await listed({ ...query, after: order[1] })).toStrictEqual(order.slice(2))
      })
    })

    describe.skipIf(!concurrent)('at once', () => {
      it('adds one id a hundred times, and one succeeds', async () => {
        const id = newId()
        const answers = await Promise.all(Array.from({ length: 100 }, () => repository.add(newIntent({ id }), 60)))
        const winners = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
        expect(winners).toHaveLength(1)
        for (const answer of answers)
          if (answer.isErr()) expect(answer.error).toStrictEqual({ type: 'already-there', media: winners[0] })
        expect(await found(id)).toStrictEqual(winners[0])
      })

      it('changes one row fifty times, and every change sees the one before', async () => {
        const { id } = await committed()
        const once = changed((media) => ({ ...media, version: media.version + 1 }))
        const answers = await Promise.all(Array.from({ length: 50 }, () => repository.update(id, once)))
        const versions = answers.map((answer) => answer._unsafeUnwrap().version)
        expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 2))
        expect(await found(id)).toMatchObject({ version: 51 })
      })

      it.each(Array.from({ length: 5 }, (_, round) => round + 1))(
        'stores and abandons one attempt, and one of the two wins (round %d)',
        async (round) => {
          const { id, attempt } = await added()
          const answers = await Promise.all(
            Array.from({ length: 20 }, (_, n) =>
              (n + round) % 2 === 0
                ? repository.update<Media, unknown>(id, (media) => store(media, attempt, newContents()))
                : repository.update<Media, unknown>(id, (media) => abandon(media, attempt)),
            ),
          )
          const end = await found(id)
          expect(['stored', 'abandoned']).toContain(end.state)
          const won = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
          expect(won).toStrictEqual([end])
          for (const answer of answers)
            if (answer.isErr()) expect(answer.error).toStrictEqual({ type: 'fence-lost', media: end })
          expect(published.map(({ type }) => type)).toEqual([`media-${end.state}`])
        },
      )

      it('begins the next attempt twenty times, and one of them does', async () => {
        const { id } = await givenUp()
        published = []
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => {
            const next = newIntent({ id })
            return repository.update(id, (media, now) =>
              receiveAgain(media, next, now, { leaseSeconds: 60, forgetAfterSeconds: 60 }),
            )
          }),
        )
        const winners = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
        expect(winners).toStrictEqual([await found(id)])
        expect(published.map(({ type }) => type)).toEqual(['attempt-replaced'])
      })

      it('deletes and changes one media, and what was deleted stays so', async () => {
        const { id } = await committed()
        await Promise.all(
          Array.from({ length: 20 }, (_, n) => {
            const title = parseTitle(`${n}`)._unsafeUnwrap()
            return repository.update(
              id,
              whileStored<Media>((media) => (n === 10 ? markDeleted(media) : change(media, { title }))),
            )
          }),
        )
        expect(await found(id)).toMatchObject({ state: 'deleted' })
        expect(published.at(-1)).toMatchObject({ type: 'media-deleted' })
      })

      it('abandons a row and renews its lease: what was abandoned stays so', async () => {
        const { id, attempt } = await added()
        await Promise.all(
          Array.from({ length: 20 }, async (_, n) =>
            n === 10 ? repository.update(id, (media) => abandon(media, attempt)) : repository.renew(id, attempt, 60),
          ),
        )
        expect(await found(id)).toMatchObject({ state: 'abandoned' })
      })

      it('stores many media, and lists each of them once', async () => {
        const all = await Promise.all(Array.from({ length: 60 }, () => committed()))
        expect(await listed()).toStrictEqual(all.toSorted(newestFirst))
        expect(published).toHaveLength(60)
      })

      it('lists while media are stored: only whole ones are seen', async () => {
        const storing = Promise.all(Array.from({ length: 30 }, () => committed({ tags: tags('x') })))
        const seen = await Promise.all(Array.from({ length: 10 }, () => listed()))
        await storing
        for (const media of seen.flat()) expect(media).toMatchObject({ state: 'stored', tags: ['x'], version: 1 })
        expect(await listed()).toHaveLength(30)
      })
    })

    /** Waits until the repository's clock has passed the moment at which `media` began. */
    async function later({ createdAt }: Media): Promise<void> {
      for (;;) if ((await added()).createdAt > createdAt) return
    }
  })
}

const newId = (): MediaId => randomUUID() as MediaId
const newAttempt = (): Attempt => randomBytes(8).toString('hex') as Attempt
const tag = (raw: string): Tag => parseTag(raw)._unsafeUnwrap()
const tags = (...raw: string[]): readonly Tag[] => parseTags(raw)._unsafeUnwrap()

export function newIntent(given: Partial<Pick<Intent, 'id' | 'owner' | 'filename'>> = {}): Intent {
  const id = given.id ?? newId()
  const attempt = newAttempt()
  return {
    id,
    owner: 'anonymous',
    attempt,
    storage: 'some-storage',
    storageKey: storageKey(id, attempt),
    filename: parseFileName('a picture.png')._unsafeUnwrap(),
    mimeType: 'image/png' as ContentType,
    ...given,
  }
}

const newContents = (given: Partial<Contents> = {}): Contents => ({
  fileId: randomUUID(),
  url: '/media/some/content/',
  sizeBytes: 70,
  sha256: parseSha256(sha256(noise(8)))._unsafeUnwrap(),
  title: parseTitle('a picture')._unsafeUnwrap(),
  tags: [],
  fingerprint: parseSha256(sha256(noise(8, 'fingerprint')))._unsafeUnwrap(),
  ...given,
})

/** A change of what is stored, without events. */
const changed = (alter: (media: Stored) => Stored) => whileStored((media) => ({ media: alter(media), events: [] }))

const whileStored =
  <To extends Media>(transition: (media: Stored) => Transition<To>) =>
  (media: Media): Result<Transition<To>, 'not stored'> =>
    media.state === 'stored' ? ok(transition(media)) : err('not stored')

const byId = (a: Media, b: Media): number => (a.id < b.id ? -1 : 1)

const newestFirst = (a: Media, b: Media): number =>
  b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1)

/** Whether it was done, refused, or thrown out of: a bug may throw. */
const outcome = async (work: () => ResultAsync<unknown, unknown>): Promise<'done' | 'refused' | 'thrown'> => {
  try {
    return (await work()).isOk() ? 'done' : 'refused'
  } catch {
    return 'thrown'
  }
}
