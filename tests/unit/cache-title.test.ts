import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { createCrashedUpload, createWorld, down, override, type WorldOptions } from './world.ts'

function start(options: WorldOptions = {}, titles = new MemoryTitleCache()) {
  const world = createWorld({ ...options, ports: { titles } })
  return {
    ...world,
    runJob: (id: MediaId) => world.mediaport.work({ name: 'cache-title', id, afterSeconds: 0 }),
    findTitle: async (id: MediaId) => (await titles.find(id))._unsafeUnwrap(),
  }
}

describe('The cache-title job', () => {
  it('caches the current title of the row, and removes it after deletion', async () => {
    const world = start()
    const { id } = await world.upload({ title: 'first', tags: ['a'], owner: 'me' })
    await world.runJob(id)
    expect(await world.findTitle(id)).toMatchObject({ owner: 'me', title: 'first', tags: ['a'], version: 1 })
    await world.mediaport.changeMedia(id, { owner: EVERYONE, title: 'second' })
    await world.mediaport.changeMedia(id, { owner: EVERYONE, title: 'third' })
    await world.runJob(id)
    expect(await world.findTitle(id)).toMatchObject({ title: 'third', version: 3 })
    await world.runJob(id)
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    await world.runJob(id)
    expect(await world.findTitle(id)).toBeUndefined()
  })

  it('reads the row again after writing, so that it misses no concurrent change', async () => {
    const titles = new MemoryTitleCache()
    const changes = ['second', 'third']
    const world = start(
      {},
      override(titles, {
        put: (id, entry) =>
          titles.put(id, entry).map(async () => {
            const title = changes.shift()
            if (title !== undefined) await world.mediaport.changeMedia(id, { owner: EVERYONE, title })
          }),
      }),
    )
    const { id } = await world.upload({ title: 'first' })
    expect((await world.runJob(id)).isOk()).toBe(true)
    expect(await world.findTitle(id)).toMatchObject({ title: 'third', version: 3 })
  })

  it('removes the title if the media item is deleted during the write', async () => {
    const titles = new MemoryTitleCache()
    const world = start(
      {},
      override(titles, {
        put: (id, entry) =>
          titles.put(id, entry).map(async () => void (await world.mediaport.deleteMedia(id, { owner: EVERYONE }))),
      }),
    )
    const { id } = await world.upload()
    await world.runJob(id)
    expect(await world.findTitle(id)).toBeUndefined()
  })

  it('caches nothing if there is no row, or if the row is still receiving', async () => {
    const world = start()
    expect((await world.runJob('01990000-0000-7000-8000-000000000000' as MediaId)).isOk()).toBe(true)
    const { id } = await createCrashedUpload(world)
    expect((await world.runJob(id)).isOk()).toBe(true)
    expect(await world.findTitle(id)).toBeUndefined()
  })

  it.each(['put', 'remove'] as const)('fails if the cache does not answer to %s', async (method) => {
    const world = start({}, override(new MemoryTitleCache(), { [method]: () => errAsync(down) }))
    const { id } = await world.upload()
    if (method === 'remove') await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect((await world.runJob(id))._unsafeUnwrapErr()).toEqual(down)
  })

  it('fails if the database does not answer', async () => {
    const world = start({ wrapMedia: (media) => override(media, { get: () => errAsync(down) }) })
    const { id } = await world.upload()
    expect((await world.runJob(id))._unsafeUnwrapErr()).toEqual(down)
  })
})
