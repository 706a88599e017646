import { err, okAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import { DEFAULT_POLICY } from '../../src/application/policy.ts'
import { idOfKey } from '../../src/application/upload/id-of-key.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import type { Media } from '../../src/domain/media/media.ts'
import type { IdempotencyKey } from '../../src/domain/values/idempotency-key.ts'
import { GIF, inChunks, PNG, pngOf, sha256 } from '../samples.ts'
import { createWorld, override, Sender, type World, type WorldOptions } from './world.ts'

const KEY = 'my-key'

const send = ({ mediaport }: World, upload: Partial<Upload> = {}) =>
  mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG), key: KEY, ...upload })
const sendOk = async (world: World, upload: Partial<Upload> = {}) => (await send(world, upload))._unsafeUnwrap()
const sendError = async (world: World, upload: Partial<Upload> = {}) => (await send(world, upload))._unsafeUnwrapErr()

/** Returns the row of an idempotency key. */
const rowOf = async ({ media }: World, key = KEY, owner = 'me'): Promise<Media> =>
  (await media.get(idOfKey(owner, key as IdempotencyKey)))._unsafeUnwrap()

/** Starts an upload with the key. Its row exists, and its sender has sent 9,000 bytes. */
async function startUpload(options?: WorldOptions) {
  const world = createWorld(options)
  const sender = new Sender(pngOf(9000))
  const result = send(world, { body: sender })
  await expect.poll(() => world.rows()).toHaveLength(1)
  return { world, sender, result }
}

describe('An upload that repeats its idempotency key', () => {
  it('returns the existing media item and stores nothing', async () => {
    const world = createWorld()
    const first = await sendOk(world, { details: { title: 'T', tags: ['a', 'b'] } })
    expect(first.id).toBe(idOfKey('me', KEY as IdempotencyKey))
    expect(first.replayed).toBe(false)
    const again = await sendOk(world, { body: inChunks(PNG, 1), details: { title: ' T', tags: ['A', 'b', 'a'] } })
    expect(again).toStrictEqual({ ...first, replayed: true })
    expect(await world.files()).toBe(1)
    expect(await world.rows()).toHaveLength(1)
    expect(world.eventTypes()).toEqual(['media-stored'])
  })

  it('succeeds also while the storage does not answer', async () => {
    let puts = 0
    const world = createWorld({
      wrapStorage: (storage) => override(storage, { put: (...put) => (puts++ === 0 ? storage.put(...put) : fail()) }),
    })
    await sendOk(world)
    expect((await sendOk(world)).replayed).toBe(true)
  })

  it('returns the media item with its later changes', async () => {
    const world = createWorld()
    const first = await sendOk(world, { details: { title: 'first' } })
    await world.mediaport.changeMedia(first.id, { owner: EVERYONE, title: 'second' })
    expect(await sendOk(world, { details: { title: 'first' } })).toMatchObject({
      title: 'second',
      version: 2,
      replayed: true,
    })
    expect(await sendError(world, { details: { title: 'second' } })).toEqual({ type: 'idempotency-key-reused' })
  })

  it('may have its key in quotes', async () => {
    const world = createWorld()
    const first = await sendOk(world)
    expect(await sendOk(world, { key: `"${KEY}"` })).toStrictEqual({ ...first, replayed: true })
  })

  it.each<[string, Partial<Upload>]>([
    ['bytes', { body: inChunks(pngOf(PNG.length + 1)) }],
    ['and fewer bytes', { body: inChunks(PNG.subarray(0, -1)) }],
    ['bytes of another type', { body: inChunks(GIF) }],
    ['file names', { filename: 'b.png' }],
    ['titles', { details: { title: 'another' } }],
    ['tags', { details: { tags: ['another'] } }],
  ])('with other %s is rejected and changes nothing', async (_, other) => {
    const world = createWorld()
    const { replayed: __, ...first } = await sendOk(world)
    expect(await sendError(world, other)).toEqual({ type: 'idempotency-key-reused' })
    expect(await world.rows()).toStrictEqual([first])
    expect(PNG.equals(await world.content(first.id))).toBe(true)
    expect(world.eventTypes()).toEqual(['media-stored'])
  })

  it.each<[string, Partial<Upload>, object]>([
    ['the digest of other bytes', { details: { sha256: sha256(GIF) } }, { type: 'digest-mismatch' }],
    ['an invalid title', { details: { title: 'a\nb' } }, { type: 'invalid-title' }],
    ['too many bytes', { body: inChunks(pngOf(20_000)) }, { type: 'too-large', limit: 10_000 }],
    ['no bytes', { body: inChunks(Buffer.alloc(0)) }, { type: 'empty-file' }],
    ['a body that fails', { body: new Sender(PNG).fail(new Error('left')) }, { type: 'body-failed' }],
  ])('with %s is rejected like any other upload', async (_, upload, error) => {
    const world = createWorld({ policy: { maxFileSize: 10_000 } })
    const { replayed: __, ...first } = await sendOk(world)
    expect(await sendError(world, upload)).toMatchObject(error)
    expect(await world.rows()).toStrictEqual([first])
    expect(await world.files()).toBe(1)
  })

  it('may contain the digest of its bytes', async () => {
    const world = createWorld()
    await sendOk(world)
    expect((await sendOk(world, { details: { sha256: sha256(PNG) } })).replayed).toBe(true)
  })

  it('passes on the error of its details', async () => {
    const world = createWorld()
    await sendOk(world)
    const details = okAsync({}).andThen(() => send(createWorld(), { key: '' }).map(() => ({})))
    const upload = { owner: 'me', filename: 'a.png', body: inChunks(PNG), key: KEY, details }
    expect((await world.mediaport.uploadMedia(upload))._unsafeUnwrapErr()).toEqual({ type: 'bad-idempotency-key' })
  })

  it('creates a second media item for another owner', async () => {
    const world = createWorld()
    const [mine, theirs] = [
      await sendOk(world, { owner: 'me' }),
      await sendOk(world, { owner: 'you', body: inChunks(GIF) }),
    ]
    expect(mine.id).not.toBe(theirs.id)
    expect([mine.replayed, theirs.replayed]).toEqual([false, false])
    expect(await world.files()).toBe(2)
  })

  it('creates one media item if fifty uploads run at the same time', async () => {
    const world = createWorld()
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(world)))
    const stored = answers.filter((answer) => answer.isOk()).map((answer) => answer._unsafeUnwrap())
    expect(stored.filter(({ replayed }) => !replayed)).toHaveLength(1)
    for (const answer of answers) if (answer.isErr()) expect(answer.error).toEqual({ type: 'idempotency-in-progress' })
    expect(await world.rows()).toMatchObject([{ state: 'stored', attempt: stored[0]?.attempt }])
    expect(await world.files()).toBe(1)
    expect(world.eventTypes()).toEqual(['media-stored'])
  })
})

describe('An idempotency key', () => {
  it.each(['', '""', 'a b', 'x'.repeat(256), 'é', 'a\n'])(
    'that is invalid (%j) is rejected before the body is read',
    async (key) => {
      const world = createWorld()
      const body = new Sender()
      expect(await sendError(world, { key, body })).toEqual({ type: 'bad-idempotency-key' })
      expect(body.reads).toBe(0)
      expect(body.stopped).toBe(true)
      expect(await world.rows()).toEqual([])
    },
  )

  it('is free after an upload that was rejected before it had a row', async () => {
    const world = createWorld()
    expect(await sendError(world, { body: inChunks(Buffer.from('junk')) })).toMatchObject({
      type: 'unsupported-file-type',
    })
    expect((await sendOk(world)).replayed).toBe(false)
    expect(world.eventTypes()).toEqual(['media-stored'])
  })

  it('of a deleted media item stays in use until the row is forgotten', async () => {
    const world = createWorld({ policy: { forgetAfterSeconds: 0 } })
    const { id } = await sendOk(world)
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect(await sendError(world)).toEqual({ type: 'media-deleted' })
    expect(await sendError(world, { body: inChunks(GIF) })).toEqual({ type: 'media-deleted' })
    expect((await world.mediaport.getMedia(id, { owner: EVERYONE })).isErr()).toBe(true)
    for (let round = 0; round < 2; round++) (await world.mediaport.reapUploads())._unsafeUnwrap()
    expect(await world.rows()).toEqual([])
    expect(await world.files()).toBe(0)
    expect(await sendOk(world)).toMatchObject({ id, version: 1, replayed: false })
  })
})

describe('While an upload is in progress', () => {
  it('another with its key is rejected after its head is read', async () => {
    const { world, sender, result } = await startUpload()
    const second = new Sender(pngOf(9000))
    expect(await sendError(world, { body: second })).toEqual({ type: 'idempotency-in-progress' })
    expect(second.reads).toBe(1)
    expect(second.stopped).toBe(true)
    sender.end()
    expect((await result)._unsafeUnwrap()).toMatchObject({ sizeBytes: 9000, replayed: false })
    expect(world.eventTypes()).toEqual(['media-stored'])
  })

  it('an upload with another key succeeds', async () => {
    const { world, sender, result } = await startUpload()
    expect((await sendOk(world, { key: 'another' })).replayed).toBe(false)
    sender.end()
    await result
    expect(await world.files()).toBe(2)
  })
})

describe('The next attempt', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  it('starts at once after an abandoned one, and has its own storage key', async () => {
    const { world, sender, result } = await startUpload()
    sender.fail(new Error('left'))
    expect((await result)._unsafeUnwrapErr()).toMatchObject({ type: 'body-failed' })
    const before = await rowOf(world)
    expect(before.state).toBe('abandoned')
    const media = await sendOk(world, { body: inChunks(GIF), filename: 'corrected.gif' })
    expect(media).toMatchObject({ id: before.id, filename: 'corrected.gif', mimeType: 'image/gif', replayed: false })
    expect(media.attempt).not.toBe(before.attempt)
    const { id, storage, storageKey } = before
    expect(world.events).toEqual([
      { type: 'media-abandoned', id, storage, storageKey },
      { type: 'attempt-replaced', id, storage, storageKey, writableSeconds: DEFAULT_POLICY.forgetAfterSeconds },
      { type: 'media-stored', id, attempt: media.attempt },
    ])
    expect(await world.files()).toBe(1)
  })

  it('takes over when the lease has expired; the first one fails to commit and deletes its own file', async () => {
    const { world, sender, result } = await startUpload()
    const before = await rowOf(world)
    vi.setSystemTime(Date.now() + world.mediaport.policy.leaseSeconds * 1000)
    const media = await sendOk(world)
    expect(media.attempt).not.toBe(before.attempt)
    sender.end()
    expect((await result)._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect(await rowOf(world)).toMatchObject({ state: 'stored', attempt: media.attempt })
    expect((await world.storage.list())._unsafeUnwrap()).toMatchObject([{ key: media.storageKey }])
    expect(PNG.equals(await world.content(media.id))).toBe(true)
    expect(world.eventTypes()).toEqual(['attempt-replaced', 'media-stored', 'attempt-late'])
  })

  it('is rejected one second before the lease expires', async () => {
    const { world, sender, result } = await startUpload()
    vi.setSystemTime(Date.now() + world.mediaport.policy.leaseSeconds * 1000 - 1000)
    expect(await sendError(world)).toEqual({ type: 'idempotency-in-progress' })
    sender.end()
    expect((await result).isOk()).toBe(true)
  })

  it('is the one that is stored if the first one ends in between', async () => {
    const { world, sender, result } = await startUpload()
    vi.setSystemTime(Date.now() + world.mediaport.policy.leaseSeconds * 1000)
    const second = new Sender(pngOf(9000))
    const secondResult = send(world, { body: second })
    await expect.poll(() => world.eventTypes()).toEqual(['attempt-replaced'])
    sender.end()
    expect((await result).isErr()).toBe(true)
    expect(await rowOf(world)).toMatchObject({ state: 'receiving' })
    second.end()
    expect((await secondResult)._unsafeUnwrap()).toMatchObject({ state: 'stored', replayed: false })
    expect(await world.files()).toBe(1)
  })

  it('fails with unavailable if the row is forgotten at the same time, and can be repeated', async () => {
    const world = createWorld({
      wrapMedia: (media) =>
        override(media, {
          add: (...added) =>
            media.add(...added).orElse((error) => {
              if (error.type === 'unavailable') return err(error)
              return media.forget(error.media.id, error.media.attempt).andThen(() => err(error))
            }),
        }),
    })
    const { id } = await sendOk(world)
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect(await sendError(world)).toMatchObject({ type: 'unavailable', dependency: 'database' })
    expect((await sendOk(world)).replayed).toBe(false)
  })
})

function fail(): never {
  throw new Error('The storage must not be called.')
}
