import * as fc from 'fast-check'
import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import type { ListOptions, Page } from '../../src/application/library/list-media.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { pngOf } from '../samples.ts'
import { createWorld, down, override, Sender, type World } from './world.ts'

async function page({ mediaport }: World, options?: Partial<ListOptions>): Promise<Page> {
  return (await mediaport.listMedia({ owner: EVERYONE, ...options }))._unsafeUnwrap()
}

/** Returns the ids on all pages, in order. */
async function allIds(world: World, options: Partial<ListOptions>, afterPage = async () => {}): Promise<string[]> {
  const ids: string[] = []
  for (
    let current = await page(world, options);
    ;
    current = await page(world, { ...options, cursor: current.next ?? '' })
  ) {
    ids.push(...current.items.map(({ id }) => id))
    if (current.next === null) return ids
    if (ids.length > 1000) throw new Error('The list does not end.')
    await afterPage()
  }
}

const uploads = async (world: World, count: number, options?: Parameters<World['upload']>[0]): Promise<string[]> => {
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await world.upload(options)).id)
  return ids
}

describe('A list', () => {
  it('is empty if no media item is stored', async () => {
    expect(await page(createWorld())).toEqual({ items: [], next: null })
  })

  it('contains stored media items, newest first, and no uploads in progress', async () => {
    const world = createWorld()
    const [first, second] = [await world.upload(), await world.upload()]
    const sender = new Sender(pngOf(10_000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toHaveLength(3)
    expect(await page(world)).toStrictEqual({ items: [second, first], next: null })
    sender.fail(new Error('left'))
    await result
    expect((await page(world)).items).toHaveLength(2)
  })

  it('has 20 items by default', async () => {
    const world = createWorld()
    await uploads(world, 21)
    expect((await page(world)).items).toHaveLength(20)
  })

  it.each([1, 100])('has %d items with that limit', async (limit) => {
    const world = createWorld()
    await uploads(world, limit + 1)
    const { items, next } = await page(world, { limit })
    expect(items).toHaveLength(limit)
    expect(next).toEqual(expect.any(String))
  })

  it('has no next page after its last item', async () => {
    const world = createWorld()
    await uploads(world, 4)
    const first = await page(world, { limit: 2 })
    const second = await page(world, { limit: 2, cursor: first.next ?? '' })
    expect(second.items).toHaveLength(2)
    expect(second.next).toBeNull()
  })

  it.each([0, -1, 101, 1e9, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -0.5])('rejects the limit %d', async (limit) => {
    const error = (await createWorld().mediaport.listMedia({ owner: EVERYONE, limit }))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'invalid-query', parameter: 'limit', reason: expect.stringContaining('100') })
  })

  it('contains only the media items of the given owner', async () => {
    const world = createWorld()
    const mine = await world.upload({ owner: 'me' })
    const yours = await world.upload({ owner: 'you' })
    expect((await page(world, { owner: 'me' })).items).toStrictEqual([mine])
    expect((await page(world, { owner: 'nobody' })).items).toEqual([])
    expect((await page(world)).items).toStrictEqual([yours, mine])
  })

  it('contains the media items with a tag, for any spelling of the tag', async () => {
    const world = createWorld()
    const tagged = await world.upload({ tags: ['Café', 'x'] })
    await world.upload({ tags: ['cafés'] })
    await world.upload()
    for (const tag of ['café', 'CAFE\u0301', ' Café '])
      expect((await page(world, { tag })).items).toStrictEqual([tagged])
  })

  it.each([
    ['', 'empty'],
    ['a,b', 'comma'],
    ['x'.repeat(65), 'too-long'],
    ['a\0', 'control-characters'],
  ])('rejects the tag "%s" as invalid (%s)', async (tag, reason) => {
    expect((await createWorld().mediaport.listMedia({ owner: EVERYONE, tag }))._unsafeUnwrapErr()).toEqual({
      type: 'invalid-tag',
      reason,
    })
  })

  it('fails if the database does not answer', async () => {
    const world = createWorld({ wrapMedia: (media) => override(media, { list: () => errAsync(down) }) })
    expect((await world.mediaport.listMedia({ owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(down)
  })
})

describe('Pages', () => {
  it.each([1, 2, 3, 12, 13])('of %d items contain every media item once', async (limit) => {
    const world = createWorld()
    const ids = await uploads(world, 12)
    expect((await allIds(world, { limit })).toSorted()).toEqual(ids.toSorted())
  })

  it('contain every media item of the start once, while others are added', async () => {
    const world = createWorld()
    const ids = await uploads(world, 12)
    const listed = await allIds(world, { limit: 3 }, async () => void (await uploads(world, 2)))
    expect(listed.toSorted()).toEqual(ids.toSorted())
  })

  it('keep the owner and the tag of the first page', async () => {
    const world = createWorld()
    const expected = []
    for (let n = 0; n < 5; n++) {
      await world.upload({ owner: 'me' })
      await world.upload({ owner: 'you', tags: ['x'] })
      expected.push(await world.upload({ owner: 'me', tags: ['x', `${n}`] }))
    }
    const ids = await allIds(world, { owner: 'me', tag: 'X', limit: 2 })
    expect(ids.toSorted()).toEqual(expected.map(({ id }) => id).toSorted())
  })

  it('may have different limits', async () => {
    const world = createWorld()
    const ids = await uploads(world, 10)
    const first = await page(world, { limit: 3 })
    const second = await page(world, { limit: 100, cursor: first.next ?? '' })
    expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  })
})

/** Creates a list and its cursor. `listError` returns the error of the same list with `changes`. */
async function openList() {
  const world = createWorld()
  await uploads(world, 3, { owner: 'me', tags: ['x'] })
  const options = { owner: 'me', tag: 'x', limit: 1 }
  const cursor = (await page(world, options)).next ?? ''
  const listError = async (changes: Partial<ListOptions>): Promise<unknown> =>
    (await world.mediaport.listMedia({ ...options, cursor, ...changes }))._unsafeUnwrapErr()
  return { world, options, cursor, listError }
}

describe('A cursor', () => {
  const invalid = { type: 'invalid-cursor' }

  it('needs no escaping in a URL', async () => {
    expect((await openList()).cursor).toMatch(/^[\w.~-]+$/)
  })

  it.each<[string, Partial<ListOptions>]>([
    ['another owner', { owner: 'you' }],
    ['all owners', { owner: EVERYONE }],
    ['another tag', { tag: 'y' }],
    ['any tag', { tag: undefined }],
    ['swapped owner and tag', { owner: 'x', tag: 'me' }],
  ])('is invalid for %s', async (_, changes) => {
    expect(await (await openList()).listError(changes)).toEqual(invalid)
  })

  it('is invalid if it is truncated', async () => {
    const { cursor, listError } = await openList()
    for (let end = 0; end < cursor.length; end++)
      expect(await listError({ cursor: cursor.slice(0, end) })).toEqual(invalid)
  })

  it('is invalid if its position is changed', async () => {
    const { cursor, listError } = await openList()
    const text = Buffer.from(cursor, 'base64url').toString()
    const changes = [text.replace(/^\d/, '9'), text.replace(/\d(?= )/, (digit) => `${(Number(digit) + 1) % 10}`)]
    changes.push(text.replace(/[0-9a-f]{8}-/, '00000000-'), ` ${text}`, `${text} x`, text.replace(' ', '  '))
    for (const change of changes) {
      expect(change).not.toBe(text)
      expect(await listError({ cursor: Buffer.from(change).toString('base64url') }), change).toEqual(invalid)
    }
  })

  it.each([
    ['an empty text', ''],
    ['a number', '2'],
    ['an id', randomIdentity.newId()],
    ['a position alone', Buffer.from(`0 ${randomIdentity.newId()}`).toString('base64url')],
    ['an SQL injection', "' or 1=1 --"],
    ['10 KiB', 'a'.repeat(10_240)],
  ])('must not be %s', async (_, cursor) => {
    expect(await (await openList()).listError({ cursor })).toEqual(invalid)
  })

  it('must not be random text', async () => {
    const { listError } = await openList()
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), async (cursor) => {
        expect(await listError({ cursor })).toEqual(invalid)
      }),
    )
  })
})
