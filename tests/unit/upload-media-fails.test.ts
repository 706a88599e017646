import { err, errAsync, okAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import type { FileStorage, PutError } from '../../src/application/ports/file-storage.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import { chunksOf, inChunks, PNG, pngOf, sha256 } from '../samples.ts'
import { createWorld, down, override, Sender, type World } from './world.ts'

const bytes = pngOf(1_000_000)
const storageDown = { ...down, dependency: 'storage' } as const

async function uploadError<E>({ mediaport }: World, upload: Partial<Upload<E>> = {}) {
  return (
    await mediaport.uploadMedia<E>({ owner: 'me', filename: 'a.png', body: inChunks(bytes), ...upload })
  )._unsafeUnwrapErr()
}

/** Expects an abandoned row, no file, and an event that names the file. */
async function expectAbandoned(world: World): Promise<void> {
  const { state, id, storage, storageKey } = await world.row()
  expect(state).toBe('abandoned')
  expect(await world.files()).toBe(0)
  expect(world.events).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
  expect((await world.mediaport.listMedia({ owner: EVERYONE }))._unsafeUnwrap().items).toEqual([])
}

describe('An upload whose sender fails', () => {
  it.each([1, 50, 99, 100])('after %d percent of its bytes is abandoned', async (percent) => {
    const world = createWorld()
    const cause = new Error('left')
    const sender = new Sender(...chunksOf(bytes.subarray(0, percent * 10_000), 5000)).fail(cause)
    expect(await uploadError(world, { body: sender })).toEqual({ type: 'body-failed', cause })
    expect(sender.stopped).toBe(true)
    await expectAbandoned(world)
  })

  it('does not affect the next upload', async () => {
    const world = createWorld()
    await uploadError(world, { body: new Sender(pngOf(9000)).fail(new Error('left')) })
    const { id } = await world.upload({ bytes })
    expect(bytes.equals(await world.content(id))).toBe(true)
  })

  it('returns that error also if the row cannot be abandoned', async () => {
    const world = createWorld({ wrapMedia: (media) => override(media, { update: () => errAsync(down) }) })
    const cause = new Error('left')
    expect(await uploadError(world, { body: new Sender(pngOf(9000)).fail(cause) })).toEqual({
      type: 'body-failed',
      cause,
    })
    expect(await world.row()).toMatchObject({ state: 'receiving' })
  })
})

describe('An upload is abandoned', () => {
  it.each<[string, Upload['details'] & object, object]>([
    ['an invalid title', { title: '' }, { type: 'invalid-title', reason: 'empty' }],
    ['an invalid tag', { tags: ['a,b'] }, { type: 'invalid-tag', reason: 'comma' }],
    ['an invalid digest', { sha256: 'x' }, { type: 'invalid-sha256' }],
  ])('because of %s', async (_, details, error) => {
    const world = createWorld()
    expect(await uploadError(world, { details })).toEqual(error)
    expect(await world.files()).toBe(0)
    expect((await world.rows()).filter(({ state }) => state !== 'abandoned')).toEqual([])
  })

  it('because of an invalid title that arrives after the bytes', async () => {
    const world = createWorld()
    const details = Promise.withResolvers<{ title: string }>()
    const result = uploadError(world, { details: ResultAsync.fromSafePromise(details.promise) })
    await expect.poll(world.files).toBe(1)
    details.resolve({ title: 'x'.repeat(201) })
    expect(await result).toEqual({ type: 'invalid-title', reason: 'too-long' })
    await expectAbandoned(world)
  })

  it('because of an error of its details, and returns that error', async () => {
    const world = createWorld()
    const error = { type: 'malformed-multipart' } as const
    expect(await uploadError(world, { details: errAsync(error) })).toBe(error)
    await expectAbandoned(world)
  })

  it('because of the digest of other bytes', async () => {
    const world = createWorld()
    const error = await uploadError(world, { details: { sha256: sha256(PNG) } })
    expect(error).toEqual({ type: 'digest-mismatch', actual: sha256(bytes) })
    await expectAbandoned(world)
  })

  it('because of the digest of other bytes that arrives after the bytes', async () => {
    const world = createWorld()
    const error = await uploadError(world, { details: okAsync({ sha256: sha256(PNG) }) })
    expect(error).toEqual({ type: 'digest-mismatch', actual: sha256(bytes) })
    await expectAbandoned(world)
  })
})

const withPutError = (error: PutError) => (storage: FileStorage) => override(storage, { put: () => errAsync(error) })
const withPutErrorAfterWriting = (error: PutError) => (storage: FileStorage) =>
  override(storage, { put: (...put) => storage.put(...put).andThen(() => err(error)) })

async function* firstChunk(body: AsyncIterable<Uint8Array>) {
  for await (const chunk of body) {
    yield chunk
    return
  }
}

describe('An upload whose storage', () => {
  const cause = new Error('no')
  it.each<[string, PutError]>([
    ['refuses it', { type: 'storage-error', cause }],
    ['is full', { type: 'insufficient-storage', cause }],
    ['does not answer', storageDown],
  ])('%s is abandoned', async (_, error) => {
    const world = createWorld({ wrapStorage: withPutError(error) })
    const sender = new Sender(pngOf(9000))
    expect(await uploadError(world, { body: sender })).toEqual(error)
    expect(sender.stopped).toBe(true)
    await expectAbandoned(world)
  })

  it('keeps the file and does not answer is abandoned, and the file is deleted', async () => {
    const world = createWorld({ wrapStorage: withPutErrorAfterWriting(storageDown) })
    expect(await uploadError(world)).toEqual(storageDown)
    await expectAbandoned(world)
  })

  it('keeps the file and does not answer keeps the file if the row cannot be abandoned', async () => {
    const world = createWorld({
      wrapStorage: withPutErrorAfterWriting(storageDown),
      wrapMedia: (media) => override(media, { update: () => errAsync(down) }),
    })
    expect(await uploadError(world)).toEqual(storageDown)
    expect(await world.row()).toMatchObject({ state: 'receiving' })
    expect(await world.files()).toBe(1)
  })

  it('breaks off is abandoned', async () => {
    const world = createWorld({ wrapStorage: withPutError({ type: 'interrupted', cause }) })
    expect(await uploadError(world)).toEqual({ type: 'unavailable', dependency: 'storage', cause })
    await expectAbandoned(world)
  })

  it.each([-1, 1])('reports another size (by %d) is abandoned', async (difference) => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          put: (...put) => storage.put(...put).map(({ fileId, size }) => ({ fileId, size: size + difference })),
        }),
    })
    expect(await uploadError(world)).toMatchObject({ type: 'storage-error' })
    await expectAbandoned(world)
  })

  it('succeeds before it has read the whole body is abandoned', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, { put: (key, body, hints) => storage.put(key, firstChunk(body), hints) }),
    })
    expect(await uploadError(world, { body: inChunks(bytes, 5000) })).toMatchObject({ type: 'storage-error' })
    await expectAbandoned(world)
  })

  it('cannot delete the file is abandoned, and the event discards the file', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(withPutErrorAfterWriting({ type: 'storage-error', cause })(storage), {
          delete: () => errAsync(storageDown),
        }),
    })
    expect(await uploadError(world)).toEqual({ type: 'storage-error', cause })
    expect(await world.row()).toMatchObject({ state: 'abandoned' })
    expect(world.events).toMatchObject([{ type: 'media-abandoned' }])
    expect(await world.files()).toBe(1)
  })
})

it('An upload that cannot add its row fails after the head of its body is read', async () => {
  const world = createWorld({ wrapMedia: (media) => override(media, { add: () => errAsync(down) }) })
  const sender = new Sender(pngOf(9000))
  expect(await uploadError(world, { body: sender })).toEqual(down)
  expect(sender).toMatchObject({ reads: 1, stopped: true })
  expect(await world.files()).toBe(0)
})
