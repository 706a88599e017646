import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CachedTitle, TitleCache } from '../../src/application/ports/title-cache.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { parseTags } from '../../src/domain/values/tag.ts'
import { parseTitle } from '../../src/domain/values/title.ts'

export interface OpenedCache {
  readonly cache: TitleCache
  /** Lets so much time pass for the cache. */
  readonly pass: (milliseconds: number) => Promise<void>
}

const DAY = 24 * 60 * 60 * 1000

/**
 * What every TitleCache owes.
 * @param openEmpty opens a cache that knows nothing, for one check; it registers its own clearing away.
 */
export function titleCacheContract(name: string, openEmpty: () => Promise<OpenedCache>): void {
  describe(`TitleCache: ${name}`, () => {
    let cache: TitleCache
    let pass: OpenedCache['pass']
    let id: MediaId

    beforeEach(async () => {
      ;({ cache, pass } = await openEmpty())
      id = randomUUID() as MediaId
    })
    afterEach(() => void vi.useRealTimers())

    const put = async (entry: CachedTitle, of = id) => (await cache.put(of, entry))._unsafeUnwrap()
    const remove = async (version: number, of = id) => (await cache.remove(of, version))._unsafeUnwrap()
    const found = async (of = id) => (await cache.find(of))._unsafeUnwrap()

    it('finds nothing of what it was never given', async () => {
      await put(entryOf(1))
      expect(await found(randomUUID() as MediaId)).toBeUndefined()
    })

    it('finds all that it was given', async () => {
      const entry = entryOf(3, { title: `'"\\ Été 照片 👩‍👩‍👧‍👦`, tags: ['b', 'a', 'ü'], owner: 'somebody: else' })
      await put(entry)
      expect(await found()).toStrictEqual(entry)
      expect(await found()).toStrictEqual(entry)
    })

    it('finds no tags where there are none', async () => {
      await put(entryOf(1, { tags: [] }))
      expect(await found()).toMatchObject({ tags: [] })
    })

    it('keeps each media apart', async () => {
      const other = randomUUID() as MediaId
      await put(entryOf(1, { title: 'one' }))
      await put(entryOf(1, { title: 'other' }), other)
      await remove(1)
      expect(await found()).toBeUndefined()
      expect(await found(other)).toMatchObject({ title: 'other' })
    })

    it('knows a newer version as soon as it is given it, also where some between never came', async () => {
      await put(entryOf(1))
      await put(entryOf(2))
      expect(await found()).toStrictEqual(entryOf(2))
      await put(entryOf(1000))
      expect(await found()).toStrictEqual(entryOf(1000))
    })

    it('never knows an older version after a newer one', async () => {
      await put(entryOf(10))
      for (const version of [9, 1]) await put(entryOf(version))
      expect(await found()).toStrictEqual(entryOf(10))
    })

    it('keeps what it has, when it is given the same version again', async () => {
      await put(entryOf(2, { title: 'first' }))
      await put(entryOf(2, { title: 'again' }))
      expect(await found()).toMatchObject({ title: 'first' })
    })

    it('finds nothing of what was taken out', async () => {
      await put(entryOf(1))
      await remove(2)
      expect(await found()).toBeUndefined()
    })

    it('takes nothing newer out', async () => {
      await put(entryOf(3))
      await remove(2)
      expect(await found()).toStrictEqual(entryOf(3))
    })

    it.each([1, 2])('does not take version %d in again for a day after version 2 was taken out', async (version) => {
      await put(entryOf(1))
      await remove(2)
      await put(entryOf(version))
      expect(await found()).toBeUndefined()
      await pass(DAY - 60_000)
      await put(entryOf(version))
      expect(await found()).toBeUndefined()
    })

    it('remembers what was taken out also where it never had it', async () => {
      await remove(2)
      await put(entryOf(2))
      expect(await found()).toBeUndefined()
    })

    it('takes a newer version in after an older one was taken out', async () => {
      await remove(2)
      await put(entryOf(3))
      expect(await found()).toStrictEqual(entryOf(3))
    })

    it('takes anything in again after a day', async () => {
      await remove(2)
      await pass(DAY + 60_000)
      await put(entryOf(1))
      expect(await found()).toStrictEqual(entryOf(1))
    })

    it('keeps what is taken out to the newest version that was: an older removal does not shorten it', async () => {
      await remove(5)
      await remove(2)
      await put(entryOf(4))
      expect(await found()).toBeUndefined()
    })

    it('takes out for good, with a version that no media reaches', async () => {
      await put(entryOf(7))
      await remove(Number.MAX_SAFE_INTEGER)
      await put(entryOf(8))
      expect(await found()).toBeUndefined()
    })

    it('lists what it has, and nothing that was taken out', async () => {
      const ids = Array.from({ length: 1200 }, () => randomUUID() as MediaId)
      // Not all at once, because no cache owes patience to those that queue.
      for (let from = 0; from < ids.length; from += 50)
        await Promise.all(ids.slice(from, from + 50).map((each, n) => put(entryOf(from + n + 1), each)))
      for (let from = 0; from < 600; from += 50)
        await Promise.all(ids.slice(from, from + 50).map((each, n) => remove(from + n + 1, each)))
      const seen = new Map<MediaId, number>()
      for (let next: string | undefined; ; ) {
        const page = (await cache.list(next))._unsafeUnwrap()
        for (const { id: each, version } of page.entries) seen.set(each, version)
        next = page.next
        if (next === undefined) break
      }
      expect([...seen].toSorted()).toEqual(
        ids
          .map((each, n) => [each, n + 1] as const)
          .slice(600)
          .toSorted(),
      )
    })

    it('ends at the newest, in whatever order versions come', async () => {
      const versions = Array.from({ length: 50 }, (_, n) => ((n * 37) % 50) + 1)
      await Promise.all(versions.map((version) => put(entryOf(version))))
      expect(await found()).toStrictEqual(entryOf(50))
    })
  })
}

const entryOf = (
  version: number,
  {
    title = `title ${version}`,
    tags = ['x'],
    owner = 'anonymous',
  }: { title?: string; tags?: string[]; owner?: string } = {},
): CachedTitle => ({
  owner,
  title: parseTitle(title)._unsafeUnwrap(),
  tags: parseTags(tags)._unsafeUnwrap(),
  version,
})
