import { errAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { pngOf } from '../samples.ts'
import { dieReceiving, keep } from './leftovers.ts'
import { down, eventually, type Given, over, Sender, type World, world } from './world.ts'

const LEASE = 60
const FORGET = 600

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const pass = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000)
const reap = async ({ mediaport }: World) => (await mediaport.reapUploads())._unsafeUnwrap()
const rows = async ({ media }: World): Promise<readonly Media[]> => (await media.scan(undefined, 1000))._unsafeUnwrap()
const start = (given: Given = {}) => world({ policy: { leaseSeconds: LEASE, forgetAfterSeconds: FORGET }, ...given })

describe('reaping', () => {
  it('moves on an upload whose process died, step by step, until nothing is left of it', async () => {
    const at = start()
    const { id, storage, storageKey } = await dieReceiving(at)
    pass(LEASE - 1)
    expect(await reap(at)).toBe(0)
    expect(await rows(at)).toMatchObject([{ state: 'receiving' }])

    pass(1)
    expect(await reap(at)).toBe(1)
    expect(await rows(at)).toMatchObject([{ state: 'abandoned', discardedAt: undefined }])
    expect(at.told).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
    expect(await at.files()).toBe(1)

    expect(await reap(at)).toBe(1)
    expect(await rows(at)).toMatchObject([{ state: 'abandoned', discardedAt: expect.any(Date) }])
    expect(await at.files()).toBe(0)

    pass(FORGET - 1)
    expect(await reap(at)).toBe(0)
    await keep(at.storage, storageKey)
    pass(1)
    expect(await reap(at)).toBe(1)
    expect(await rows(at)).toEqual([])
    expect(await at.files()).toBe(0)
    expect(await reap(at)).toBe(0)
    expect(at.told).toHaveLength(1)
  })

  it('moves on what was deleted, until its row is forgotten', async () => {
    const at = start()
    const { id } = await at.upload()
    await at.mediaport.deleteMedia(id)
    expect(await reap(at)).toBe(1)
    expect(await at.files()).toBe(0)
    expect(await rows(at)).toMatchObject([{ state: 'deleted' }])
    pass(FORGET)
    expect(await reap(at)).toBe(1)
    expect(await rows(at)).toEqual([])
  })

  it('leaves what people see alone, for ever', async () => {
    const at = start()
    const media = await at.upload()
    pass(365 * 24 * 3600)
    expect(await reap(at)).toBe(0)
    expect(await rows(at)).toStrictEqual([media])
    expect(await at.files()).toBe(1)
  })

  it('ends an upload that is still being sent, when its lease was not renewed', async () => {
    const at = start()
    const sender = new Sender(pngOf(9000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toHaveLength(1)
    pass(LEASE)
    await reap(at)
    sender.end()
    expect((await uploading)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await at.files()).toBe(0)
  })

  it('takes as many as there are, page by page', async () => {
    const at = start()
    for (let n = 0; n < 250; n++) await dieReceiving(at)
    pass(LEASE)
    expect(await reap(at)).toBe(250)
    expect(await reap(at)).toBe(250)
    expect(await at.files()).toBe(0)
    pass(FORGET)
    expect(await reap(at)).toBe(250)
    expect(await rows(at)).toEqual([])
  })

  it('comes past rows whose storage fails: only those wait', async () => {
    const failing = new Set<string>()
    const away = unavailable('storage')(new Error('away'))
    const at = start({
      wrapStorage: (storage) =>
        over(storage, { delete: (key) => (failing.has(key) ? errAsync(away) : storage.delete(key)) }),
    })
    const all = []
    for (let n = 0; n < 120; n++) all.push(await dieReceiving(at))
    const stuck = all.filter((_, n) => n % 2 === 0)
    for (const { storageKey } of stuck) failing.add(storageKey)
    pass(LEASE)
    expect(await reap(at)).toBe(120)
    expect(await reap(at)).toBe(60)
    expect(await at.files()).toBe(60)
    pass(FORGET)
    expect(await reap(at)).toBe(60)
    expect((await rows(at)).map(({ id }) => id)).toEqual(stuck.map(({ id }) => id).toSorted())
    failing.clear()
    expect(await reap(at)).toBe(60)
    expect(await at.files()).toBe(0)
  })

  it('does not forget what could not be discarded the second time', async () => {
    let away = false
    const at = start({
      wrapStorage: (storage) =>
        over(storage, {
          delete: (key) => (away ? errAsync(unavailable('storage')(new Error('away'))) : storage.delete(key)),
        }),
    })
    const { id } = await at.upload()
    await at.mediaport.deleteMedia(id)
    await reap(at)
    away = true
    pass(FORGET)
    expect(await reap(at)).toBe(0)
    expect(await rows(at)).toMatchObject([{ state: 'deleted' }])
    away = false
    expect(await reap(at)).toBe(1)
    expect(await rows(at)).toEqual([])
  })

  it('says when the database does not answer', async () => {
    const at = start({ wrapMedia: (media) => over(media, { due: () => errAsync(down) }) })
    expect((await at.mediaport.reapUploads())._unsafeUnwrapErr()).toEqual(down)
  })

  it('may be done by two at once', async () => {
    const at = start()
    for (let n = 0; n < 20; n++) await dieReceiving(at)
    for (const seconds of [LEASE, 0, FORGET]) {
      pass(seconds)
      await Promise.all([reap(at), reap(at)])
    }
    expect(await rows(at)).toEqual([])
    expect(await at.files()).toBe(0)
    expect(at.told).toHaveLength(20)
  })
})
