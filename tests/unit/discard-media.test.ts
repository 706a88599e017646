import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import type { Job } from '../../src/application/jobs.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt, MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import { storageKey } from '../../src/domain/media/ids.ts'
import type { FileRef } from '../../src/domain/media/media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { PNG, pngOf } from '../samples.ts'
import { keep } from './leftovers.ts'
import { down, eventually, over, Sender, type World, world } from './world.ts'

const discard = ({ mediaport }: World, { id, storage, storageKey }: FileRef) =>
  mediaport.work({ name: 'discard-media', id, storage, storageKey, afterSeconds: 0 } satisfies Job)

const another = 'ffffffffffffffff' as Attempt

describe('discarding', () => {
  it('never takes the bytes of a media that people see', async () => {
    const at = world()
    const media = await at.upload()
    expect((await discard(at, media)).isOk()).toBe(true)
    expect(PNG.equals(await at.content(media.id))).toBe(true)
    expect(await at.row()).toStrictEqual(media)
  })

  it('never takes the bytes of an upload that is under way', async () => {
    const at = world()
    const sender = new Sender(pngOf(9000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toHaveLength(1)
    await keep(at.storage, (await at.row()).storageKey)
    expect((await discard(at, await at.row())).isOk()).toBe(true)
    expect(await at.files()).toBe(1)
    sender.end()
    expect((await uploading).isOk()).toBe(true)
  })

  it('takes the bytes of what was deleted, notes when, and may be repeated', async () => {
    const at = world()
    await at.mediaport.deleteMedia((await at.upload()).id)
    const deleted = await at.row()
    expect(deleted).toMatchObject({ discardedAt: undefined })
    await discard(at, deleted)
    expect(await at.files()).toBe(0)
    const discarded = await at.row()
    expect(discarded).toMatchObject({ state: 'deleted', discardedAt: expect.any(Date) })
    await discard(at, deleted)
    expect(await at.row()).toStrictEqual(discarded)
    expect(at.told.map(({ type }) => type)).toEqual(['media-stored', 'media-deleted'])
  })

  it('takes the bytes of another attempt at a media, and leaves its own', async () => {
    const at = world()
    const media = await at.upload()
    const old = storageKey(media.id, another)
    await keep(at.storage, old)
    await discard(at, { ...media, storageKey: old })
    expect((await at.storage.list())._unsafeUnwrap()).toMatchObject([{ key: media.storageKey }])
    expect(await at.row()).toStrictEqual(media)
  })

  it('takes the bytes of a row that is gone', async () => {
    const at = world()
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const key = storageKey(id, another)
    await keep(at.storage, key)
    expect((await discard(at, { id, storage: 'memory', storageKey: key })).isOk()).toBe(true)
    expect(await at.files()).toBe(0)
  })

  it('asks of no row by a name that is none', async () => {
    const at = world()
    await keep(at.storage, 'not ours' as StorageKey)
    await discard(at, { id: 'not ours' as MediaId, storage: 'memory', storageKey: 'not ours' as StorageKey })
    expect(await at.files()).toBe(0)
  })

  it('of a row that was put away by another attempt notes nothing on it', async () => {
    const at = world()
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    await discard(at, { ...media, storageKey: storageKey(media.id, another) })
    expect(await at.row()).toMatchObject({ discardedAt: undefined })
    expect(await at.files()).toBe(1)
  })

  it('waits for a storage that this process does not know', async () => {
    const at = world()
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    const answer = await discard(at, { ...media, storage: 'elsewhere' })
    expect(answer._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'storage' })
    expect(await at.row()).toMatchObject({ discardedAt: undefined })
  })

  it('notes nothing while the storage is down', async () => {
    const away = unavailable('storage')(new Error('away'))
    const at = world({ wrapStorage: (storage) => over(storage, { delete: () => errAsync(away) }) })
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    expect((await discard(at, media))._unsafeUnwrapErr()).toEqual(away)
    expect(await at.row()).toMatchObject({ discardedAt: undefined })
  })

  it.each(['get', 'update'] as const)('has to be done again where the row does not answer to %s', async (method) => {
    let away = false
    const at = world({
      wrapMedia: (media) =>
        over(media, {
          get: (id) => (away && method === 'get' ? errAsync(down) : media.get(id)),
          update: (id, change) => (away && method === 'update' ? errAsync(down) : media.update(id, change)),
        }),
    })
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    away = true
    expect((await discard(at, media))._unsafeUnwrapErr()).toEqual(down)
    if (method === 'get') expect(await at.files()).toBe(1)
    away = false
    expect((await discard(at, media)).isOk()).toBe(true)
    expect(await at.row()).toMatchObject({ discardedAt: expect.any(Date) })
  })

  it('takes the title of what was deleted out of the cache, and of nothing else', async () => {
    const titles = new MemoryTitleCache()
    const at = world({ ports: { titles } })
    const [media, given] = [await at.upload({ title: 'T' }), await at.upload()]
    for (const { id } of [media, given]) await at.mediaport.work({ name: 'cache-title', id, afterSeconds: 0 })
    await discard(at, { ...media, storageKey: storageKey(media.id, another) })
    expect((await titles.find(media.id))._unsafeUnwrap()).toMatchObject({ title: 'T' })
    await at.mediaport.deleteMedia(media.id)
    await discard(at, media)
    expect((await titles.find(media.id))._unsafeUnwrap()).toBeUndefined()
    expect((await titles.find(given.id))._unsafeUnwrap()).toBeDefined()
  })

  it('of what was abandoned, by whoever comes later, is as good as by the attempt itself', async () => {
    const at = world()
    const sender = new Sender(pngOf(9000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toHaveLength(1)
    const { id, attempt } = await at.row()
    await at.media.update(id, (row) => abandon(row, attempt))
    await discard(at, await at.row())
    expect(await at.row()).toMatchObject({ discardedAt: expect.any(Date) })
    sender.end()
    await uploading
    expect(await at.files()).toBe(0)
  })
})
