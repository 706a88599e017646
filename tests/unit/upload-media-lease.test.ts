import { errAsync, ResultAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { noise, pngOf } from '../samples.ts'
import { createWorld, down, override, Sender, type World, type WorldOptions } from './world.ts'

const POLICY: Partial<Policy> = { leaseSeconds: 60, storageTimeoutSeconds: 90 }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const advance = (count: number) => vi.advanceTimersByTimeAsync(count * 1000)

/** Starts an upload. Its row exists, and its sender has sent 9,000 bytes. */
async function startUpload(options: WorldOptions = {}, upload: Partial<Upload> = {}) {
  const world = createWorld({ policy: POLICY, ...options })
  const sender = new Sender(pngOf(9000))
  const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender, ...upload })
  const onSettled = vi.fn<() => void>()
  void result.then(onSettled, onSettled)
  await expect.poll(world.rows).toHaveLength(1)
  return { world, sender, outcome: async () => result, isSettled: () => onSettled.mock.calls.length > 0 }
}

async function remainingLeaseMs(world: World): Promise<number> {
  const row = await world.row()
  if (row.state !== 'receiving') throw new Error(`The row is in the state ${row.state}.`)
  return row.leaseExpiresAt.getTime() - Date.now()
}

async function expectAbandoned(world: World, sender: Sender): Promise<void> {
  expect(await world.row()).toMatchObject({ state: 'abandoned' })
  expect(await world.files()).toBe(0)
  expect(sender.stopped).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
}

/** A storage that reads nothing or the whole body and does not answer until the signal is aborted. */
const silentStorage =
  (takes: 'nothing' | 'everything') =>
  (storage: FileStorage): FileStorage =>
    override(storage, {
      put: (key, body, { contentType, signal }) => {
        const abortEvent = new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve())
        })
        async function* read() {
          if (takes === 'everything') yield* body
          await abortEvent
          throw signal.reason
        }
        return storage.put(key, read(), { contentType, signal })
      },
    })

const withoutRenewal = (media: MediaRepository): MediaRepository => override(media, { renew: () => errAsync(down) })

describe('The lease of an upload', () => {
  it('is renewed as long as bytes arrive', async () => {
    const { world, sender, outcome } = await startUpload()
    for (let n = 0; n < 40; n++) {
      await advance(15)
      sender.send(noise(1000))
      expect(await remainingLeaseMs(world)).toBeGreaterThan(0)
    }
    sender.end()
    expect((await outcome())._unsafeUnwrap()).toMatchObject({ state: 'stored', sizeBytes: 49_000 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is renewed until the storage timeout', async () => {
    const { world, sender, isSettled } = await startUpload({ wrapStorage: silentStorage('everything') })
    sender.end()
    for (let n = 0; n < 8; n++) {
      await advance(10)
      expect(await remainingLeaseMs(world)).toBeGreaterThan(0)
    }
    expect(isSettled()).toBe(false)
    await world.mediaport.close()
  })

  it('is not renewed for a silent sender', async () => {
    const { world, isSettled } = await startUpload()
    await advance(59)
    expect(isSettled()).toBe(false)
    expect(await remainingLeaseMs(world)).toBeLessThanOrEqual(21_000)
    await world.mediaport.close()
  })

  it('survives a database outage that is shorter than the lease', async () => {
    let isDown = false
    const { world, sender, outcome } = await startUpload({
      wrapMedia: (media) => override(media, { renew: (...args) => (isDown ? errAsync(down) : media.renew(...args)) }),
    })
    for (let n = 0; n < 20; n++) {
      isDown = n % 4 === 3
      await advance(10)
      sender.send(noise(1000))
    }
    expect(await remainingLeaseMs(world)).toBeGreaterThan(0)
    sender.end()
    expect((await outcome()).isOk()).toBe(true)
  })
})

describe('An upload is abandoned', () => {
  it('if its sender is silent for the time of a lease', async () => {
    const { world, sender, outcome, isSettled } = await startUpload()
    await advance(55)
    expect(isSettled()).toBe(false)
    await advance(50)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await expectAbandoned(world, sender)
  })

  it('at the latest when its lease expires', async () => {
    const { world, isSettled } = await startUpload()
    while ((await remainingLeaseMs(world)) > 1000) await advance(1)
    await advance(2)
    expect(isSettled()).toBe(true)
  })

  it('if its sender becomes silent after some time', async () => {
    const { world, sender, outcome } = await startUpload()
    for (let n = 0; n < 10; n++) {
      await advance(15)
      sender.send(noise(1000))
    }
    await advance(100)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await expectAbandoned(world, sender)
  })

  it('as too slow if its sender resumes after more than the time of a lease', async () => {
    const { world, sender, outcome } = await startUpload()
    await advance(15)
    sender.send(noise(1000))
    await advance(70)
    sender.send(noise(1000))
    await advance(100)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await expectAbandoned(world, sender)
  })

  it.each(['nothing', 'everything'] as const)('if its storage reads %s and does not answer', async (takes) => {
    const { world, sender, outcome, isSettled } = await startUpload({ wrapStorage: silentStorage(takes) })
    sender.send(noise(1000)).end()
    await advance(85)
    expect(isSettled()).toBe(false)
    await advance(40)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'storage-timeout' })
    await expectAbandoned(world, sender)
  })

  it('after the storage timeout, also if that is shorter than a lease', async () => {
    const policy = { leaseSeconds: 60, storageTimeoutSeconds: 9 }
    const { world, sender, outcome, isSettled } = await startUpload({ policy, wrapStorage: silentStorage('nothing') })
    await advance(8)
    expect(isSettled()).toBe(false)
    await advance(5)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'storage-timeout' })
    await expectAbandoned(world, sender)
  })

  it('if its lease cannot be renewed for the time of a lease', async () => {
    const { world, sender, outcome, isSettled } = await startUpload({ wrapMedia: withoutRenewal })
    for (let n = 0; n < 5; n++) {
      sender.send(noise(1000))
      await advance(10)
    }
    expect(isSettled()).toBe(false)
    for (let n = 0; n < 4; n++) {
      sender.send(noise(1000))
      await advance(10)
    }
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    await expectAbandoned(world, sender)
  })

  it('if the renewal of its lease never returns', async () => {
    let renewals = 0
    const renew: MediaRepository['renew'] = () => {
      renewals++
      return new ResultAsync(new Promise(() => {}))
    }
    const { world, sender, outcome } = await startUpload({ wrapMedia: (media) => override(media, { renew }) })
    for (let n = 0; n < 10; n++) {
      sender.send(noise(1000))
      await advance(10)
    }
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(renewals).toBe(1)
    await expectAbandoned(world, sender)
  })

  it('as unavailable if the lease cannot be renewed before the storage timeout', async () => {
    const policy = { leaseSeconds: 6, storageTimeoutSeconds: 60 }
    let isDown = false
    const { world, outcome } = await startUpload({
      policy,
      wrapStorage: silentStorage('nothing'),
      wrapMedia: (media) => override(media, { renew: (...args) => (isDown ? errAsync(down) : media.renew(...args)) }),
    })
    await advance(5)
    isDown = true
    await advance(20)
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await world.row()).toMatchObject({ state: 'abandoned' })
  })

  it('soon after another process abandons its row', async () => {
    const { world, sender, outcome } = await startUpload()
    const { id, attempt } = await world.row()
    await world.media.update(id, (media) => abandon(media, attempt))
    sender.send(noise(1000))
    await advance(21)
    const error = (await outcome())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'unavailable', dependency: 'database' })
    await expectAbandoned(world, sender)
    expect(world.eventTypes()).toEqual(['media-abandoned', 'attempt-late'])
  })

  it('if its details do not arrive within the time of a lease', async () => {
    const details: Upload['details'] & object = new ResultAsync(new Promise(() => {}))
    const { world, sender, outcome } = await startUpload({}, { details })
    sender.end()
    await expect.poll(world.files).toBe(1)
    await advance(120)
    expect((await outcome())._unsafeUnwrapErr()).toEqual({ type: 'too-slow' })
    await expectAbandoned(world, sender)
  })
})
