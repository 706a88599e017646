import { errAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { pngOf } from '../samples.ts'
import {
  createCrashedUpload,
  createWorld,
  down,
  override,
  putFile,
  Sender,
  type World,
  type WorldOptions,
} from './world.ts'

const LEASE = 60
const FORGET = 600

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const advance = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000)
const reap = async ({ mediaport }: World) => (await mediaport.reapUploads())._unsafeUnwrap()
const start = (options: WorldOptions = {}) =>
  createWorld({ policy: { leaseSeconds: LEASE, forgetAfterSeconds: FORGET }, ...options })

describe('The reaper', () => {
  it('abandons, discards and forgets an upload whose process crashed', async () => {
    const world = start()
    const { id, storage, storageKey } = await createCrashedUpload(world)
    advance(LEASE - 1)
    expect(await reap(world)).toBe(0)
    expect(await world.rows()).toMatchObject([{ state: 'receiving' }])

    advance(1)
    expect(await reap(world)).toBe(1)
    expect(await world.rows()).toMatchObject([{ state: 'abandoned', discardedAt: undefined }])
    expect(world.events).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
    expect(await world.files()).toBe(1)

    expect(await reap(world)).toBe(1)
    expect(await world.rows()).toMatchObject([{ state: 'abandoned', discardedAt: expect.any(Date) }])
    expect(await world.files()).toBe(0)

    advance(FORGET - 1)
    expect(await reap(world)).toBe(0)
    await putFile(world.storage, storageKey)
    advance(1)
    expect(await reap(world)).toBe(1)
    expect(await world.rows()).toEqual([])
    expect(await world.files()).toBe(0)
    expect(await reap(world)).toBe(0)
    expect(world.events).toHaveLength(1)
  })

  it('discards and forgets a deleted media item', async () => {
    const world = start()
    const { id } = await world.upload()
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect(await reap(world)).toBe(1)
    expect(await world.files()).toBe(0)
    expect(await world.rows()).toMatchObject([{ state: 'deleted' }])
    advance(FORGET)
    expect(await reap(world)).toBe(1)
    expect(await world.rows()).toEqual([])
  })

  it('never changes a stored media item', async () => {
    const world = start()
    const media = await world.upload()
    advance(365 * 24 * 3600)
    expect(await reap(world)).toBe(0)
    expect(await world.rows()).toStrictEqual([media])
    expect(await world.files()).toBe(1)
  })

  it('abandons an upload in progress whose lease was not renewed', async () => {
    const world = start()
    const sender = new Sender(pngOf(9000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toHaveLength(1)
    advance(LEASE)
    await reap(world)
    sender.end()
    expect((await result)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await world.files()).toBe(0)
  })

  it('processes all pages of due rows', async () => {
    const world = start()
    for (let n = 0; n < 250; n++) await createCrashedUpload(world)
    advance(LEASE)
    expect(await reap(world)).toBe(250)
    expect(await reap(world)).toBe(250)
    expect(await world.files()).toBe(0)
    advance(FORGET)
    expect(await reap(world)).toBe(250)
    expect(await world.rows()).toEqual([])
  })

  it('skips rows whose storage fails, and processes the others', async () => {
    const failing = new Set<string>()
    const outage = unavailable('storage')(new Error('away'))
    const world = start({
      wrapStorage: (storage) =>
        override(storage, { delete: (key) => (failing.has(key) ? errAsync(outage) : storage.delete(key)) }),
    })
    const all = []
    for (let n = 0; n < 120; n++) all.push(await createCrashedUpload(world))
    const failingUploads = all.filter((_, n) => n % 2 === 0)
    for (const { storageKey } of failingUploads) failing.add(storageKey)
    advance(LEASE)
    expect(await reap(world)).toBe(120)
    expect(await reap(world)).toBe(60)
    expect(await world.files()).toBe(60)
    advance(FORGET)
    expect(await reap(world)).toBe(60)
    expect((await world.rows()).map(({ id }) => id)).toEqual(failingUploads.map(({ id }) => id).toSorted())
    failing.clear()
    expect(await reap(world)).toBe(60)
    expect(await world.files()).toBe(0)
  })

  it('does not forget a row whose file it could not discard the second time', async () => {
    let isDown = false
    const world = start({
      wrapStorage: (storage) =>
        override(storage, {
          delete: (key) => (isDown ? errAsync(unavailable('storage')(new Error('away'))) : storage.delete(key)),
        }),
    })
    const { id } = await world.upload()
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    await reap(world)
    isDown = true
    advance(FORGET)
    expect(await reap(world)).toBe(0)
    expect(await world.rows()).toMatchObject([{ state: 'deleted' }])
    isDown = false
    expect(await reap(world)).toBe(1)
    expect(await world.rows()).toEqual([])
  })

  it('fails if the database does not answer', async () => {
    const world = start({ wrapMedia: (media) => override(media, { due: () => errAsync(down) }) })
    expect((await world.mediaport.reapUploads())._unsafeUnwrapErr()).toEqual(down)
  })

  it('can run twice at the same time', async () => {
    const world = start()
    for (let n = 0; n < 20; n++) await createCrashedUpload(world)
    for (const seconds of [LEASE, 0, FORGET]) {
      advance(seconds)
      await Promise.all([reap(world), reap(world)])
    }
    expect(await world.rows()).toEqual([])
    expect(await world.files()).toBe(0)
    expect(world.events).toHaveLength(20)
  })
})
