import { err, ResultAsync } from 'neverthrow'
import { describe, expect, it, vi } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import { noise, pngOf } from '../samples.ts'
import { createWorld, override, Sender } from './world.ts'

const shuttingDown = { type: 'shutting-down' }

describe('Closing', () => {
  it('succeeds if no upload is in progress, also the second time', async () => {
    const { mediaport, upload } = createWorld()
    await upload()
    await mediaport.close()
    await mediaport.close()
  })

  it('abandons the uploads in progress, and settles when all of them are abandoned', async () => {
    const world = createWorld()
    const senders = Array.from({ length: 20 }, () => new Sender(pngOf(9000), noise(1000)))
    const uploads = senders.map((body) => world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body }))
    await expect.poll(world.rows).toHaveLength(20)
    await world.mediaport.close()
    for (const row of await world.rows()) expect(row.state).toBe('abandoned')
    expect(await world.files()).toBe(0)
    expect(world.events).toHaveLength(20)
    for (const upload of uploads) expect((await upload)._unsafeUnwrapErr()).toEqual(shuttingDown)
    for (const { stopped } of senders) expect(stopped).toBe(true)
  })

  it.each([
    ['whose sender is silent', async (sender: Sender) => expect.poll(() => sender.reads).toBe(1)],
    ['that has just started', async () => {}],
  ])('ends an upload %s', async (_, isStarted) => {
    const { mediaport, rows } = createWorld()
    const sender = new Sender()
    const result = mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await isStarted(sender)
    await mediaport.close()
    expect((await result)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(sender.stopped).toBe(true)
    expect(await rows()).toEqual([])
  })

  it('abandons an upload whose storage is slow', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          put: (key, body, { contentType, signal }) => {
            async function* held() {
              yield* body
              await new Promise((resolve) => signal.addEventListener('abort', resolve))
              throw signal.reason
            }
            return storage.put(key, held(), { contentType, signal })
          },
        }),
    })
    const sender = new Sender(pngOf(9000)).end()
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(() => sender.reads).toBe(2)
    await world.mediaport.close()
    expect((await result)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(await world.row()).toMatchObject({ state: 'abandoned' })
  })

  it('abandons an upload whose details never arrive', async () => {
    const world = createWorld()
    const details = new ResultAsync<object, never>(new Promise(() => {}))
    const result = world.mediaport.uploadMedia({
      owner: 'me',
      filename: 'a.png',
      body: new Sender(pngOf(9000)).end(),
      details,
    })
    await expect.poll(world.files).toBe(1)
    await world.mediaport.close()
    expect((await result)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(await world.files()).toBe(0)
  })

  it('keeps the error of an upload that has already failed', async () => {
    const putEnd = Promise.withResolvers<void>()
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          put: (...put) =>
            storage
              .put(...put)
              .orElse((error) => ResultAsync.fromSafePromise(putEnd.promise).andThen(() => err(error))),
        }),
    })
    const cause = new Error('left')
    const sender = new Sender(pngOf(9000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toHaveLength(1)
    sender.fail(cause)
    await expect.poll(() => sender.reads).toBe(2)
    const close = world.mediaport.close()
    putEnd.resolve()
    await close
    expect((await result)._unsafeUnwrapErr()).toEqual({ type: 'body-failed', cause })
  })

  it('waits for a commit in progress, and the upload succeeds', async () => {
    const commitStarted = Promise.withResolvers<void>()
    const commitAnswer = Promise.withResolvers<void>()
    const world = createWorld({
      wrapMedia: (media) =>
        override(media, {
          update: (id, change) =>
            media.update(id, change).map(async (changed) => {
              commitStarted.resolve()
              await commitAnswer.promise
              return changed
            }),
        }),
    })
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: new Sender(pngOf(9000)).end() })
    await commitStarted.promise
    const onClosed = vi.fn<() => void>()
    const close = world.mediaport.close().then(onClosed)
    await expect.poll(world.rows).toMatchObject([{ state: 'stored' }])
    expect(onClosed).not.toHaveBeenCalled()
    commitAnswer.resolve()
    await close
    expect((await result)._unsafeUnwrap().state).toBe('stored')
  })
})

describe('After closing', () => {
  it('a new upload is refused', async () => {
    const { mediaport, rows, files } = createWorld()
    await mediaport.close()
    const sender = new Sender(pngOf(9000)).end()
    const error = (await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender }))._unsafeUnwrapErr()
    expect(error).toEqual(shuttingDown)
    expect(sender.stopped).toBe(true)
    expect(await rows()).toEqual([])
    expect(await files()).toBe(0)
  })

  it('a new upload is refused without waiting for its sender', async () => {
    const { mediaport } = createWorld()
    await mediaport.close()
    const refusal = await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: new Sender() })
    expect(refusal._unsafeUnwrapErr()).toEqual(shuttingDown)
  })

  it('stored media items can still be read', async () => {
    const { mediaport, upload, content } = createWorld()
    const { id } = await upload()
    await mediaport.close()
    expect((await mediaport.getMedia(id, { owner: EVERYONE })).isOk()).toBe(true)
    expect((await content(id)).length).toBeGreaterThan(0)
  })
})
