import { err, errAsync, okAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import type { FileStorage, PutError } from '../../src/application/ports/file-storage.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import { chunksOf, inChunks, PNG, pngOf, sha256 } from '../samples.ts'
import { down, eventually, over, Sender, type World, world } from './world.ts'

const bytes = pngOf(1_000_000)
const storageDown = { ...down, dependency: 'storage' } as const

async function failed<E>({ mediaport }: World, upload: Partial<Upload<E>> = {}) {
  return (await mediaport.uploadMedia<E>({ filename: 'a.png', body: inChunks(bytes), ...upload }))._unsafeUnwrapErr()
}

/** Nothing of the upload is left but a row that says so, and somebody was told to look for its bytes. */
async function putAway(at: World): Promise<void> {
  const { state, id, storage, storageKey } = await at.row()
  expect(state).toBe('abandoned')
  expect(await at.files()).toBe(0)
  expect(at.told).toEqual([{ type: 'media-abandoned', id, storage, storageKey }])
  expect((await at.mediaport.listMedia())._unsafeUnwrap().items).toEqual([])
}

describe('an upload whose sender fails', () => {
  it.each([1, 50, 99, 100])('after %d percent of its bytes is put away', async (percent) => {
    const at = world()
    const cause = new Error('left')
    const sender = new Sender(...chunksOf(bytes.subarray(0, percent * 10_000), 5000)).fail(cause)
    expect(await failed(at, { body: sender })).toEqual({ type: 'body-failed', cause })
    expect(sender.stopped).toBe(true)
    await putAway(at)
  })

  it('leaves the storage to the next one', async () => {
    const at = world()
    await failed(at, { body: new Sender(pngOf(9000)).fail(new Error('left')) })
    const { id } = await at.upload({ bytes })
    expect(bytes.equals(await at.content(id))).toBe(true)
  })

  it('says so also where its row cannot be put away now, and leaves that to others', async () => {
    const at = world({ wrapMedia: (media) => over(media, { update: () => errAsync(down) }) })
    const cause = new Error('left')
    expect(await failed(at, { body: new Sender(pngOf(9000)).fail(cause) })).toEqual({ type: 'body-failed', cause })
    expect(await at.row()).toMatchObject({ state: 'receiving' })
  })
})

describe('an upload whose details are wrong is put away', () => {
  it.each<[string, Upload['details'] & object, object]>([
    ['its title', { title: '' }, { type: 'invalid-title', reason: 'empty' }],
    ['its tags', { tags: ['a,b'] }, { type: 'invalid-tag', reason: 'comma' }],
    ['its digest', { sha256: 'x' }, { type: 'invalid-sha256' }],
  ])('for %s', async (_, details, error) => {
    const at = world()
    expect(await failed(at, { details })).toEqual(error)
    expect(await at.files()).toBe(0)
    expect((await at.rows()).filter(({ state }) => state !== 'abandoned')).toEqual([])
  })

  it('for a title that is known only after the bytes', async () => {
    const at = world()
    const details = Promise.withResolvers<{ title: string }>()
    const failing = failed(at, { details: ResultAsync.fromSafePromise(details.promise) })
    await eventually(at.files).toBe(1)
    details.resolve({ title: 'x'.repeat(201) })
    expect(await failing).toEqual({ type: 'invalid-title', reason: 'too-long' })
    await putAway(at)
  })

  it('for an error of their own, which is passed on', async () => {
    const at = world()
    const error = { type: 'malformed-multipart' } as const
    expect(await failed(at, { details: errAsync(error) })).toBe(error)
    await putAway(at)
  })

  it('for the digest of other bytes', async () => {
    const at = world()
    const error = await failed(at, { details: { sha256: sha256(PNG) } })
    expect(error).toEqual({ type: 'digest-mismatch', actual: sha256(bytes) })
    await putAway(at)
  })

  it('for the digest of other bytes that comes after them', async () => {
    const at = world()
    const error = await failed(at, { details: okAsync({ sha256: sha256(PNG) }) })
    expect(error).toEqual({ type: 'digest-mismatch', actual: sha256(bytes) })
    await putAway(at)
  })
})

const answering = (error: PutError) => (storage: FileStorage) => over(storage, { put: () => errAsync(error) })
const keepingBut = (error: PutError) => (storage: FileStorage) =>
  over(storage, { put: (...put) => storage.put(...put).andThen(() => err(error)) })

async function* firstChunk(body: AsyncIterable<Uint8Array>) {
  for await (const chunk of body) {
    yield chunk
    return
  }
}

describe('an upload whose storage', () => {
  const cause = new Error('no')
  it.each<[string, PutError]>([
    ['refuses it', { type: 'storage-error', cause }],
    ['has no room', { type: 'insufficient-storage', cause }],
    ['does not answer', storageDown],
  ])('%s is put away', async (_, error) => {
    const at = world({ wrapStorage: answering(error) })
    const sender = new Sender(pngOf(9000))
    expect(await failed(at, { body: sender })).toEqual(error)
    expect(sender.stopped).toBe(true)
    await putAway(at)
  })

  it('keeps it and does not say so is put away, bytes and all', async () => {
    const at = world({ wrapStorage: keepingBut(storageDown) })
    expect(await failed(at)).toEqual(storageDown)
    await putAway(at)
  })

  it('keeps it and does not say so keeps the bytes while the row cannot be put away', async () => {
    const at = world({
      wrapStorage: keepingBut(storageDown),
      wrapMedia: (media) => over(media, { update: () => errAsync(down) }),
    })
    expect(await failed(at)).toEqual(storageDown)
    expect(await at.row()).toMatchObject({ state: 'receiving' })
    expect(await at.files()).toBe(1)
  })

  it('breaks off is put away', async () => {
    const at = world({ wrapStorage: answering({ type: 'interrupted', cause }) })
    expect(await failed(at)).toEqual({ type: 'unavailable', dependency: 'storage', cause })
    await putAway(at)
  })

  it.each([-1, 1])('reports another size (%d) is put away', async (more) => {
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
          put: (...put) => storage.put(...put).map(({ fileId, size }) => ({ fileId, size: size + more })),
        }),
    })
    expect(await failed(at)).toMatchObject({ type: 'storage-error' })
    await putAway(at)
  })

  it('says that it is done before it has read everything is put away', async () => {
    const at = world({
      wrapStorage: (storage) => over(storage, { put: (key, body, hints) => storage.put(key, firstChunk(body), hints) }),
    })
    expect(await failed(at, { body: inChunks(bytes, 5000) })).toMatchObject({ type: 'storage-error' })
    await putAway(at)
  })

  it('cannot delete what was given up leaves that to whom is told', async () => {
    const at = world({
      wrapStorage: (storage) =>
        over(keepingBut({ type: 'storage-error', cause })(storage), { delete: () => errAsync(storageDown) }),
    })
    expect(await failed(at)).toEqual({ type: 'storage-error', cause })
    expect(await at.row()).toMatchObject({ state: 'abandoned' })
    expect(at.told).toMatchObject([{ type: 'media-abandoned' }])
    expect(await at.files()).toBe(1)
  })
})

it('an upload that cannot get a row is refused, and its body is not read on', async () => {
  const at = world({ wrapMedia: (media) => over(media, { add: () => errAsync(down) }) })
  const sender = new Sender(pngOf(9000))
  expect(await failed(at, { body: sender })).toEqual(down)
  expect(sender).toMatchObject({ asked: 1, stopped: true })
  expect(await at.files()).toBe(0)
})
