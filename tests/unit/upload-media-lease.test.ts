import { errAsync, ResultAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { noise, pngOf } from '../samples.ts'
import { down, eventually, type Given, over, Sender, type World, watched, world } from './world.ts'

const POLICY: Partial<Policy> = { leaseSeconds: 60, storageTimeoutSeconds: 90 }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000)

/** An upload that has got its row and whose sender has sent 9,000 bytes. */
async function begun(given: Given = {}, upload: Partial<Upload> = {}) {
  const at = world({ policy: POLICY, ...given })
  const sender = new Sender(pngOf(9000))
  const uploading = watched(at.mediaport.uploadMedia({ filename: 'a.png', body: sender, ...upload }))
  await eventually(at.rows).toHaveLength(1)
  return { at, sender, ...uploading }
}

async function leaseAhead(at: World): Promise<number> {
  const row = await at.row()
  if (row.state !== 'receiving') throw new Error(`the row is ${row.state}`)
  return row.leaseExpiresAt.getTime() - Date.now()
}

async function putAway(at: World, sender: Sender): Promise<void> {
  expect(await at.row()).toMatchObject({ state: 'abandoned' })
  expect(await at.files()).toBe(0)
  expect(sender.stopped).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
}

/** A storage that takes nothing, or takes everything and does not answer, until it is given up. */
const silent =
  (takes: 'nothing' | 'everything') =>
  (storage: FileStorage): FileStorage =>
    over(storage, {
      put: (key, body, { contentType, signal }) => {
        const givenUp = new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve())
        })
        async function* held() {
          if (takes === 'everything') yield* body
          await givenUp
          throw signal.reason
        }
        return storage.put(key, held(), { contentType, signal })
      },
    })

const notRenewing = (media: MediaRepository): MediaRepository => over(media, { renew: () => errAsync(down) })

describe('the lease of an upload', () => {
  it('is kept while bytes come, however long', async () => {
    const { at, sender, outcome } = await begun()
    for (let n = 0; n < 40; n++) {
      await seconds(15)
      sender.send(noise(1000))
      expect(await leaseAhead(at)).toBeGreaterThan(0)
    }
    sender.end()
    expect((await outcome())._unsafeUnwrap()).toMatchObject({ state: 'stored', sizeBytes: 49_000 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is kept while the storage may still answer', async () => {
    const { at, sender, isSettled } = await begun({ wrapStorage: silent('everything') })
    sender.end()
    for (let n = 0; n < 8; n++) {
      await seconds(10)
      expect(await leaseAhead(at)).toBeGreaterThan(0)
    }
    expect(isSettled()).toBe(false)
    await at.mediaport.close()
  })

  it('is not kept for a sender that is silent', async () => {
    const { at, isSettled } = await begun()
    await seconds(59)
    expect(isSettled()).toBe(false)
    expect(await leaseAhead(at)).toBeLessThanOrEqual(21_000)
    await at.mediaport.close()
  })

  it('survives a repository that is away for less than its length', async () => {
    let away = false
    const { at, sender, outcome } = await begun({
      wrapMedia: (media) => over(media, { renew: (...args) => (away ? errAsync(down) : media.renew(...args)) }),
    })
    for (let n = 0; n < 20; n++) {
      away = n % 4 === 3
      await seconds(10)
      sender.send(noise(1000))
    }
    expect(await leaseAhead(at)).toBeGreaterThan(0)
    sender.end()
    expect((await outcome()).isOk()).toBe(true)
  })
})

describe('an upload is given up', () => {
  it('when its sender is silent for as long as a lease lasts', async () => {
    const { at, sender, outcome, isSettled } = await begun()
    await seconds(55)
    expect(isSettled()).toBe(false)
    await seconds(50)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await putAway(at, sender)
  })

  it('by the time that its lease has run out', async () => {
    const { at, isSettled } = await begun()
    while ((await leaseAhead(at)) > 1000) await seconds(1)
    await seconds(2)
    expect(isSettled()).toBe(true)
  })

  it('when its sender falls silent on the way', async () => {
    const { at, sender, outcome } = await begun()
    for (let n = 0; n < 10; n++) {
      await seconds(15)
      sender.send(noise(1000))
    }
    await seconds(100)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await putAway(at, sender)
  })

  it('for its sender, who was silent for longer than a lease and then went on', async () => {
    const { at, sender, outcome } = await begun()
    await seconds(15)
    sender.send(noise(1000))
    await seconds(70)
    sender.send(noise(1000))
    await seconds(100)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await putAway(at, sender)
  })

  it.each(['nothing', 'everything'] as const)('when its storage took %s and is silent', async (takes) => {
    const { at, sender, outcome, isSettled } = await begun({ wrapStorage: silent(takes) })
    sender.send(noise(1000)).end()
    await seconds(85)
    expect(isSettled()).toBe(false)
    await seconds(40)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'storage-timeout' })
    await putAway(at, sender)
  })

  it('when its storage has less time than a lease lasts', async () => {
    const policy = { leaseSeconds: 60, storageTimeoutSeconds: 9 }
    const { at, sender, outcome, isSettled } = await begun({ policy, wrapStorage: silent('nothing') })
    await seconds(8)
    expect(isSettled()).toBe(false)
    await seconds(5)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'storage-timeout' })
    await putAway(at, sender)
  })

  it('when its lease cannot be renewed for as long as it lasts', async () => {
    const { at, sender, outcome, isSettled } = await begun({ wrapMedia: notRenewing })
    for (let n = 0; n < 5; n++) {
      sender.send(noise(1000))
      await seconds(10)
    }
    expect(isSettled()).toBe(false)
    for (let n = 0; n < 4; n++) {
      sender.send(noise(1000))
      await seconds(10)
    }
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    await putAway(at, sender)
  })

  it('when nobody answers to the renewal of its lease', async () => {
    let asked = 0
    const renew: MediaRepository['renew'] = () => {
      asked++
      return new ResultAsync(new Promise(() => {}))
    }
    const { at, sender, outcome } = await begun({ wrapMedia: (media) => over(media, { renew }) })
    for (let n = 0; n < 10; n++) {
      sender.send(noise(1000))
      await seconds(10)
    }
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(asked).toBe(1)
    await putAway(at, sender)
  })

  it('for the repository, where the lease cannot be renewed while the storage may still answer', async () => {
    const policy = { leaseSeconds: 6, storageTimeoutSeconds: 60 }
    let away = false
    const { at, outcome } = await begun({
      policy,
      wrapStorage: silent('nothing'),
      wrapMedia: (media) => over(media, { renew: (...args) => (away ? errAsync(down) : media.renew(...args)) }),
    })
    await seconds(5)
    away = true
    await seconds(20)
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await at.row()).toMatchObject({ state: 'abandoned' })
  })

  it('soon after somebody else put its row away', async () => {
    const { at, sender, outcome } = await begun()
    const { id, attempt } = await at.row()
    await at.media.update(id, (media) => abandon(media, attempt))
    sender.send(noise(1000))
    await seconds(21)
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    await putAway(at, sender)
    expect(at.told.map(({ type }) => type)).toEqual(['media-abandoned', 'attempt-late'])
  })

  it('when what is said about its file does not come for as long as a lease lasts', async () => {
    const details: Upload['details'] & object = new ResultAsync(new Promise(() => {}))
    const { at, sender, outcome } = await begun({}, { details })
    sender.end()
    await eventually(at.files).toBe(1)
    await seconds(120)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await putAway(at, sender)
  })
})
