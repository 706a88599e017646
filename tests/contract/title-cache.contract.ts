import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CachedTitle, TitleCache } from '../../src/application/ports/title-cache.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { parseTags } from '../../src/domain/values/tag.ts'
import { parseTitle } from '../../src/domain/values/title.ts'
import { newId } from '../support/ids.ts'

export interface CacheFixture {
  readonly cache: TitleCache
  /** Advances the clock of the cache. */
  readonly advance: (durationMs: number) => Promise<void>
}

const DAY = 24 * 60 * 60 * 1000

/**
 * Describes the guarantees of every TitleCache.
 *
 * @param openEmpty Opens an empty cache for one test, and registers its own cleanup.
 */
export function titleCacheContract(name: string, openEmpty: () => Promise<CacheFixture>): void {
  describe(`TitleCache: ${name}`, () => {
    let cache: TitleCache
    let advance: CacheFixture['advance']
    let id: MediaId

    beforeEach(async () => {
      ;({ cache, advance } = await openEmpty())
      id = newId()
    })
    afterEach(() => void vi.useRealTimers())

    const put = async (entry: CachedTitle, mediaId = id) => (await cache.put(mediaId, entry))._unsafeUnwrap()
    const remove = async (version: number, mediaId = id) => (await cache.remove(mediaId, version))._unsafeUnwrap()
    const find = async (mediaId = id) => (await cache.find(mediaId))._unsafeUnwrap()

    it('finds nothing for an unknown media item', async () => {
      await put(entryOf(1))
      expect(await find(newId())).toBeUndefined()
    })

    it('finds an entry with every field', async () => {
      const entry = entryOf(3, { title: `'"\\ Été 照片 👩‍👩‍👧‍👦`, tags: ['b', 'a', 'ü'], owner: 'some: one' })
      await put(entry)
      expect(await find()).toStrictEqual(entry)
      expect(await find()).toStrictEqual(entry)
    })

    it('finds an empty list of tags', async () => {
      await put(entryOf(1, { tags: [] }))
      expect(await find()).toMatchObject({ tags: [] })
    })

    it('keeps the entries of media items separate', async () => {
      const other = newId()
      await put(entryOf(1, { title: 'one' }))
      await put(entryOf(1, { title: 'other' }), other)
      await remove(1)
      expect(await find()).toBeUndefined()
      expect(await find(other)).toMatchObject({ title: 'other' })
    })

    it('replaces an entry by any newer version, also if versions are missing in between', async () => {
      await put(entryOf(1))
      await put(entryOf(2))
      expect(await find()).toStrictEqual(entryOf(2))
      await put(entryOf(1000))
      expect(await find()).toStrictEqual(entryOf(1000))
    })

    it('never replaces an entry by an older version', async () => {
      await put(entryOf(10))
      for (const version of [9, 1]) await put(entryOf(version))
      expect(await find()).toStrictEqual(entryOf(10))
    })

    it('keeps its entry if the same version is put again', async () => {
      await put(entryOf(2, { title: 'first' }))
      await put(entryOf(2, { title: 'again' }))
      expect(await find()).toMatchObject({ title: 'first' })
    })

    it('finds nothing after `remove`', async () => {
      await put(entryOf(1))
      await remove(2)
      expect(await find()).toBeUndefined()
    })

    it('removes no newer version', async () => {
      await put(entryOf(3))
      await remove(2)
      expect(await find()).toStrictEqual(entryOf(3))
    })

    it.each([1, 2])('ignores version %d for a day after the removal of version 2', async (version) => {
      await put(entryOf(1))
      await remove(2)
      await put(entryOf(version))
      expect(await find()).toBeUndefined()
      await advance(DAY - 60_000)
      await put(entryOf(version))
      expect(await find()).toBeUndefined()
    })

    it('remembers a removal also if it had no entry', async () => {
      await remove(2)
      await put(entryOf(2))
      expect(await find()).toBeUndefined()
    })

    it('accepts a newer version after the removal of an older one', async () => {
      await remove(2)
      await put(entryOf(3))
      expect(await find()).toStrictEqual(entryOf(3))
    })

    it('accepts any version a day after a removal', async () => {
      await remove(2)
      await advance(DAY + 60_000)
      await put(entryOf(1))
      expect(await find()).toStrictEqual(entryOf(1))
    })

    it('remembers the newest removal, also if an older one follows', async () => {
      await remove(5)
      await remove(2)
      await put(entryOf(4))
      expect(await find()).toBeUndefined()
    })

    it('ignores all later versions after a removal with the highest version', async () => {
      await put(entryOf(7))
      await remove(Number.MAX_SAFE_INTEGER)
      await put(entryOf(8))
      expect(await find()).toBeUndefined()
    })

    it('lists its entries without removed ones', async () => {
      const ids = Array.from({ length: 1200 }, () => newId())
      // In groups of 50, because calls that wait too long may fail.
      for (let start = 0; start < ids.length; start += 50)
        await Promise.all(ids.slice(start, start + 50).map((each, n) => put(entryOf(start + n + 1), each)))
      for (let start = 0; start < 600; start += 50)
        await Promise.all(ids.slice(start, start + 50).map((each, n) => remove(start + n + 1, each)))
      const versions = new Map<MediaId, number>()
      for (let next: string | undefined; ; ) {
        const page = (await cache.list(next))._unsafeUnwrap()
        for (const { id: each, version } of page.entries) versions.set(each, version)
        next = page.next
        if (next === undefined) break
      }
      expect([...versions].toSorted()).toEqual(
        ids
          .map((each, n) => [each, n + 1] as const)
          .slice(600)
          .toSorted(),
      )
    })

    it('ends with the newest version, in any order of calls', async () => {
      const versions = Array.from({ length: 50 }, (_, n) => ((n * 37) % 50) + 1)
      await Promise.all(versions.map((version) => put(entryOf(version))))
      expect(await find()).toStrictEqual(entryOf(50))
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
