import * as fc from 'fast-check'
import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import type { ListOptions, Page } from '../../src/application/library/list-media.ts'
import { pngOf } from '../samples.ts'
import { down, eventually, over, Sender, type World, world } from './world.ts'

async function page({ mediaport }: World, listing?: ListOptions): Promise<Page> {
  return (await mediaport.listMedia(listing))._unsafeUnwrap()
}

/** The ids on all pages, as they come. */
async function paged(at: World, listing: ListOptions, between = async () => {}): Promise<string[]> {
  const ids: string[] = []
  for (let found = await page(at, listing); ; found = await page(at, { ...listing, cursor: found.next ?? '' })) {
    ids.push(...found.items.map(({ id }) => id))
    if (found.next === null) return ids
    if (ids.length > 1000) throw new Error('the list has no end')
    await between()
  }
}

const uploads = async (at: World, count: number, given?: Parameters<World['upload']>[0]): Promise<string[]> => {
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await at.upload(given)).id)
  return ids
}

describe('a list', () => {
  it('is empty where nothing is stored', async () => {
    expect(await page(world())).toEqual({ items: [], next: null })
  })

  it('shows what is stored, the newest first, and nothing that is still coming', async () => {
    const at = world()
    const [first, second] = [await at.upload(), await at.upload()]
    const sender = new Sender(pngOf(10_000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toHaveLength(3)
    expect(await page(at)).toStrictEqual({ items: [second, first], next: null })
    sender.fail(new Error('left'))
    await uploading
    expect((await page(at)).items).toHaveLength(2)
  })

  it('has 20 items where nobody asks for more', async () => {
    const at = world()
    await uploads(at, 21)
    expect((await page(at)).items).toHaveLength(20)
  })

  it.each([1, 100])('has %d items where so many are asked for', async (limit) => {
    const at = world()
    await uploads(at, limit + 1)
    const { items, next } = await page(at, { limit })
    expect(items).toHaveLength(limit)
    expect(next).toEqual(expect.any(String))
  })

  it('ends with the page that its last item is on', async () => {
    const at = world()
    await uploads(at, 4)
    const first = await page(at, { limit: 2 })
    const second = await page(at, { limit: 2, cursor: first.next ?? '' })
    expect(second.items).toHaveLength(2)
    expect(second.next).toBeNull()
  })

  it.each([0, -1, 101, 1e9, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -0.5])('has no limit of %d', async (limit) => {
    const error = (await world().mediaport.listMedia({ limit }))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'invalid-query', parameter: 'limit', reason: expect.stringContaining('100') })
  })

  it('shows an owner no more than what is theirs', async () => {
    const at = world()
    const mine = await at.upload({ owner: 'me' })
    const yours = await at.upload({ owner: 'you' })
    expect((await page(at, { owner: 'me' })).items).toStrictEqual([mine])
    expect((await page(at, { owner: 'nobody' })).items).toEqual([])
    expect((await page(at)).items).toStrictEqual([yours, mine])
  })

  it('shows what has a tag, in whatever spelling that is asked for', async () => {
    const at = world()
    const tagged = await at.upload({ tags: ['Café', 'x'] })
    await at.upload({ tags: ['cafés'] })
    await at.upload()
    for (const tag of ['café', 'CAFE\u0301', ' Café ']) expect((await page(at, { tag })).items).toStrictEqual([tagged])
  })

  it.each([
    ['', 'empty'],
    ['a,b', 'comma'],
    ['x'.repeat(65), 'too-long'],
    ['a\0', 'control-characters'],
  ])('has no tag "%s" to ask for', async (tag, reason) => {
    expect((await world().mediaport.listMedia({ tag }))._unsafeUnwrapErr()).toEqual({ type: 'invalid-tag', reason })
  })

  it('says when the repository does not answer', async () => {
    const at = world({ wrapMedia: (media) => over(media, { list: () => errAsync(down) }) })
    expect((await at.mediaport.listMedia())._unsafeUnwrapErr()).toEqual(down)
  })
})

describe('pages', () => {
  it.each([1, 2, 3, 12, 13])('of %d reach everything once', async (limit) => {
    const at = world()
    const ids = await uploads(at, 12)
    expect((await paged(at, { limit })).toSorted()).toEqual(ids.toSorted())
  })

  it('reach what was there at first once, while more comes', async () => {
    const at = world()
    const ids = await uploads(at, 12)
    const reached = await paged(at, { limit: 3 }, async () => void (await uploads(at, 2)))
    expect(reached.toSorted()).toEqual(ids.toSorted())
  })

  it('stay with the owner and the tag that they were asked for', async () => {
    const at = world()
    const wanted = []
    for (let n = 0; n < 5; n++) {
      await at.upload({ owner: 'me' })
      await at.upload({ owner: 'you', tags: ['x'] })
      wanted.push(await at.upload({ owner: 'me', tags: ['x', `${n}`] }))
    }
    const reached = await paged(at, { owner: 'me', tag: 'X', limit: 2 })
    expect(reached.toSorted()).toEqual(wanted.map(({ id }) => id).toSorted())
  })

  it('may change their size on the way', async () => {
    const at = world()
    const ids = await uploads(at, 10)
    const first = await page(at, { limit: 3 })
    const second = await page(at, { limit: 100, cursor: first.next ?? '' })
    expect([...first.items, ...second.items].map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  })
})

/** The cursor of one list, and what becomes of another cursor in its place. */
async function opened() {
  const at = world()
  await uploads(at, 3, { owner: 'me', tags: ['x'] })
  const listing = { owner: 'me', tag: 'x', limit: 1 }
  const cursor = (await page(at, listing)).next ?? ''
  const refusal = async (changed: ListOptions): Promise<unknown> =>
    (await at.mediaport.listMedia({ ...listing, cursor, ...changed }))._unsafeUnwrapErr()
  return { at, listing, cursor, refusal }
}

describe('a cursor', () => {
  const invalid = { type: 'invalid-cursor' }

  it('can stand in an address as it is', async () => {
    expect((await opened()).cursor).toMatch(/^[\w.~-]+$/)
  })

  it.each<[string, ListOptions]>([
    ['another owner', { owner: 'you' }],
    ['everybody', { owner: undefined }],
    ['another tag', { tag: 'y' }],
    ['any tag', { tag: undefined }],
    ['an owner and a tag that swapped places', { owner: 'x', tag: 'me' }],
  ])('is not good for %s', async (_, changed) => {
    expect(await (await opened()).refusal(changed)).toEqual(invalid)
  })

  it('is not good when a part of it is missing', async () => {
    const { cursor, refusal } = await opened()
    for (let end = 0; end < cursor.length; end++)
      expect(await refusal({ cursor: cursor.slice(0, end) })).toEqual(invalid)
  })

  it('is not good when its place was changed', async () => {
    const { cursor, refusal } = await opened()
    const text = Buffer.from(cursor, 'base64url').toString()
    const changes = [text.replace(/^\d/, '9'), text.replace(/\d(?= )/, (digit) => `${(Number(digit) + 1) % 10}`)]
    changes.push(text.replace(/[0-9a-f]{8}-/, '00000000-'), ` ${text}`, `${text} x`, text.replace(' ', '  '))
    for (const changed of changes) {
      expect(changed).not.toBe(text)
      expect(await refusal({ cursor: Buffer.from(changed).toString('base64url') }), changed).toEqual(invalid)
    }
  })

  it.each([
    ['nothing', ''],
    ['a number', '2'],
    ['an id', randomIdentity.newId()],
    ['a place without the rest', Buffer.from(`0 ${randomIdentity.newId()}`).toString('base64url')],
    ['an instruction', "' or 1=1 --"],
    ['10 KiB', 'a'.repeat(10_240)],
  ])('is not %s', async (_, cursor) => {
    expect(await (await opened()).refusal({ cursor })).toEqual(invalid)
  })

  it('is nothing that was made up', async () => {
    const { refusal } = await opened()
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), async (cursor) => {
        expect(await refusal({ cursor })).toEqual(invalid)
      }),
    )
  })
})
