import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { dieReceiving } from './leftovers.ts'
import { down, type Given, over, world } from './world.ts'

function start(given: Given = {}, titles = new MemoryTitleCache()) {
  const at = world({ ...given, ports: { titles } })
  return {
    ...at,
    cache: (id: MediaId) => at.mediaport.work({ name: 'cache-title', id, afterSeconds: 0 }),
    found: async (id: MediaId) => (await titles.find(id))._unsafeUnwrap(),
  }
}

describe('caching a title', () => {
  it('writes what the row says by now, and follows it', async () => {
    const at = start()
    const { id } = await at.upload({ title: 'first', tags: ['a'], owner: 'me' })
    await at.cache(id)
    expect(await at.found(id)).toMatchObject({ owner: 'me', title: 'first', tags: ['a'], version: 1 })
    await at.mediaport.changeMedia(id, { title: 'second' })
    await at.mediaport.changeMedia(id, { title: 'third' })
    await at.cache(id)
    expect(await at.found(id)).toMatchObject({ title: 'third', version: 3 })
    await at.cache(id)
    await at.mediaport.deleteMedia(id)
    await at.cache(id)
    expect(await at.found(id)).toBeUndefined()
  })

  it('looks once more after writing, so that a change meanwhile is not missed', async () => {
    const titles = new MemoryTitleCache()
    const changes = ['second', 'third']
    const at = start(
      {},
      over(titles, {
        put: (id, entry) =>
          titles.put(id, entry).map(async () => {
            const title = changes.shift()
            if (title !== undefined) await at.mediaport.changeMedia(id, { title })
          }),
      }),
    )
    const { id } = await at.upload({ title: 'first' })
    expect((await at.cache(id)).isOk()).toBe(true)
    expect(await at.found(id)).toMatchObject({ title: 'third', version: 3 })
  })

  it('takes the title out when the media is deleted while it writes', async () => {
    const titles = new MemoryTitleCache()
    const at = start(
      {},
      over(titles, {
        put: (id, entry) => titles.put(id, entry).map(async () => void (await at.mediaport.deleteMedia(id))),
      }),
    )
    const { id } = await at.upload()
    await at.cache(id)
    expect(await at.found(id)).toBeUndefined()
  })

  it('has nothing to do for a row that is gone, or that nobody sees yet', async () => {
    const at = start()
    expect((await at.cache('01990000-0000-7000-8000-000000000000' as MediaId)).isOk()).toBe(true)
    const { id } = await dieReceiving(at)
    expect((await at.cache(id)).isOk()).toBe(true)
    expect(await at.found(id)).toBeUndefined()
  })

  it.each(['put', 'remove'] as const)('has to be done again where the cache does not answer to %s', async (method) => {
    const at = start({}, over(new MemoryTitleCache(), { [method]: () => errAsync(down) }))
    const { id } = await at.upload()
    if (method === 'remove') await at.mediaport.deleteMedia(id)
    expect((await at.cache(id))._unsafeUnwrapErr()).toEqual(down)
  })

  it('has to be done again where the row does not answer', async () => {
    const at = start({ wrapMedia: (media) => over(media, { get: () => errAsync(down) }) })
    const { id } = await at.upload()
    expect((await at.cache(id))._unsafeUnwrapErr()).toEqual(down)
  })
})
