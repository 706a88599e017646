import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import type { Job } from '../../src/application/jobs.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt, MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import { storageKey } from '../../src/domain/media/ids.ts'
import type { FileRef } from '../../src/domain/media/media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { PNG, pngOf } from '../samples.ts'
import { createWorld, down, override, putFile, Sender, type World } from './world.ts'

const discard = ({ mediaport }: World, { id, storage, storageKey }: FileRef) =>
  mediaport.work({ name: 'discard-media', id, storage, storageKey, afterSeconds: 0 } satisfies Job)

const otherAttempt = 'ffffffffffffffff' as Attempt

describe('The discard-media job', () => {
  it('never deletes the file of a stored media item', async () => {
    const world = createWorld()
    const media = await world.upload()
    expect((await discard(world, media)).isOk()).toBe(true)
    expect(PNG.equals(await world.content(media.id))).toBe(true)
    expect(await world.row()).toStrictEqual(media)
  })

  it('never deletes the file of an upload in progress', async () => {
    const world = createWorld()
    const sender = new Sender(pngOf(9000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toHaveLength(1)
    await putFile(world.storage, (await world.row()).storageKey)
    expect((await discard(world, await world.row())).isOk()).toBe(true)
    expect(await world.files()).toBe(1)
    sender.end()
    expect((await result).isOk()).toBe(true)
  })

  it('deletes the file of a deleted media item, records the time, and can be repeated', async () => {
    const world = createWorld()
    await world.mediaport.deleteMedia((await world.upload()).id, { owner: EVERYONE })
    const deleted = await world.row()
    expect(deleted).toMatchObject({ discardedAt: undefined })
    await discard(world, deleted)
    expect(await world.files()).toBe(0)
    const discarded = await world.row()
    expect(discarded).toMatchObject({ state: 'deleted', discardedAt: expect.any(Date) })
    await discard(world, deleted)
    expect(await world.row()).toStrictEqual(discarded)
    expect(world.eventTypes()).toEqual(['media-stored', 'media-deleted'])
  })

  it('deletes the file of an earlier attempt, and keeps the file of the current one', async () => {
    const world = createWorld()
    const media = await world.upload()
    const old = storageKey(media.id, otherAttempt)
    await putFile(world.storage, old)
    await discard(world, { ...media, storageKey: old })
    expect((await world.storage.list())._unsafeUnwrap()).toMatchObject([{ key: media.storageKey }])
    expect(await world.row()).toStrictEqual(media)
  })

  it('deletes a file whose row was forgotten', async () => {
    const world = createWorld()
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const key = storageKey(id, otherAttempt)
    await putFile(world.storage, key)
    expect((await discard(world, { id, storage: 'memory', storageKey: key })).isOk()).toBe(true)
    expect(await world.files()).toBe(0)
  })

  it('deletes a file whose id is not a media id', async () => {
    const world = createWorld()
    await putFile(world.storage, 'not ours' as StorageKey)
    await discard(world, { id: 'not ours' as MediaId, storage: 'memory', storageKey: 'not ours' as StorageKey })
    expect(await world.files()).toBe(0)
  })

  it('does not mark the row if it discards the file of another attempt', async () => {
    const world = createWorld()
    const media = await world.upload()
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    await discard(world, { ...media, storageKey: storageKey(media.id, otherAttempt) })
    expect(await world.row()).toMatchObject({ discardedAt: undefined })
    expect(await world.files()).toBe(1)
  })

  it('fails if this process does not know the storage', async () => {
    const world = createWorld()
    const media = await world.upload()
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    const answer = await discard(world, { ...media, storage: 'elsewhere' })
    expect(answer._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'storage' })
    expect(await world.row()).toMatchObject({ discardedAt: undefined })
  })

  it('does not mark the row while the storage does not answer', async () => {
    const outage = unavailable('storage')(new Error('away'))
    const world = createWorld({ wrapStorage: (storage) => override(storage, { delete: () => errAsync(outage) }) })
    const media = await world.upload()
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    expect((await discard(world, media))._unsafeUnwrapErr()).toEqual(outage)
    expect(await world.row()).toMatchObject({ discardedAt: undefined })
  })

  it.each(['get', 'update'] as const)(
    'fails if the database does not answer to `%s`, and succeeds when it is repeated',
    async (method) => {
      let isDown = false
      const world = createWorld({
        wrapMedia: (media) =>
          override(media, {
            get: (id) => (isDown && method === 'get' ? errAsync(down) : media.get(id)),
            update: (id, change) => (isDown && method === 'update' ? errAsync(down) : media.update(id, change)),
          }),
      })
      const media = await world.upload()
      await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
      isDown = true
      expect((await discard(world, media))._unsafeUnwrapErr()).toEqual(down)
      if (method === 'get') expect(await world.files()).toBe(1)
      isDown = false
      expect((await discard(world, media)).isOk()).toBe(true)
      expect(await world.row()).toMatchObject({ discardedAt: expect.any(Date) })
    },
  )

  it('removes the cached title of a deleted media item, and no other', async () => {
    const titles = new MemoryTitleCache()
    const world = createWorld({ ports: { titles } })
    const [media, other] = [await world.upload({ title: 'T' }), await world.upload()]
    for (const { id } of [media, other]) await world.mediaport.work({ name: 'cache-title', id, afterSeconds: 0 })
    await discard(world, { ...media, storageKey: storageKey(media.id, otherAttempt) })
    expect((await titles.find(media.id))._unsafeUnwrap()).toMatchObject({ title: 'T' })
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    await discard(world, media)
    expect((await titles.find(media.id))._unsafeUnwrap()).toBeUndefined()
    expect((await titles.find(other.id))._unsafeUnwrap()).toBeDefined()
  })

  it('marks a row that another process abandoned while the upload was in progress', async () => {
    const world = createWorld()
    const sender = new Sender(pngOf(9000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toHaveLength(1)
    const { id, attempt } = await world.row()
    await world.media.update(id, (row) => abandon(row, attempt))
    await discard(world, await world.row())
    expect(await world.row()).toMatchObject({ discardedAt: expect.any(Date) })
    sender.end()
    await result
    expect(await world.files()).toBe(0)
  })
})
