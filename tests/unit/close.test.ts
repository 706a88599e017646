import { err, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { noise, pngOf } from '../samples.ts'
import { eventually, over, Sender, watched, world } from './world.ts'

const shuttingDown = { type: 'shutting-down' }

describe('closing', () => {
  it('settles where nothing is under way, also twice', async () => {
    const { mediaport, upload } = world()
    await upload()
    await mediaport.close()
    await mediaport.close()
  })

  it('gives up uploads under way, and settles when each has been put away', async () => {
    const at = world()
    const senders = Array.from({ length: 20 }, () => new Sender(pngOf(9000), noise(1000)))
    const uploads = senders.map((body) => at.mediaport.uploadMedia({ filename: 'a.png', body }))
    await eventually(at.rows).toHaveLength(20)
    await at.mediaport.close()
    for (const row of await at.rows()) expect(row.state).toBe('abandoned')
    expect(await at.files()).toBe(0)
    expect(at.told).toHaveLength(20)
    for (const upload of uploads) expect((await upload)._unsafeUnwrapErr()).toEqual(shuttingDown)
    for (const { stopped } of senders) expect(stopped).toBe(true)
  })

  it.each([
    ['whose sender is silent', async (sender: Sender) => eventually(() => sender.asked).toBe(1)],
    ['that has only just come', async () => {}],
  ])('gives up an upload %s', async (_, begun) => {
    const { mediaport, rows } = world()
    const sender = new Sender()
    const uploading = mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await begun(sender)
    await watched(mediaport.close()).outcome()
    expect((await uploading)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(sender.stopped).toBe(true)
    expect(await rows()).toEqual([])
  })

  it('gives up an upload whose storage is slow', async () => {
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
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
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(() => sender.asked).toBe(2)
    await at.mediaport.close()
    expect((await uploading)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(await at.row()).toMatchObject({ state: 'abandoned' })
  })

  it('gives up an upload of which nothing is said', async () => {
    const at = world()
    const details = new ResultAsync<object, never>(new Promise(() => {}))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: new Sender(pngOf(9000)).end(), details })
    await eventually(at.files).toBe(1)
    await watched(at.mediaport.close()).outcome()
    expect((await uploading)._unsafeUnwrapErr()).toEqual(shuttingDown)
    expect(await at.files()).toBe(0)
  })

  it('does not hide why an upload had failed before', async () => {
    const ended = Promise.withResolvers<void>()
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
          put: (...put) =>
            storage.put(...put).orElse((error) => ResultAsync.fromSafePromise(ended.promise).andThen(() => err(error))),
        }),
    })
    const cause = new Error('left')
    const sender = new Sender(pngOf(9000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toHaveLength(1)
    sender.fail(cause)
    await eventually(() => sender.asked).toBe(2)
    const closing = watched(at.mediaport.close())
    ended.resolve()
    await closing.outcome()
    expect((await uploading)._unsafeUnwrapErr()).toEqual({ type: 'body-failed', cause })
  })

  it('waits for a commit that is under way, and the upload has succeeded', async () => {
    const committing = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    const at = world({
      wrapMedia: (media) =>
        over(media, {
          update: (id, change) =>
            media.update(id, change).map(async (changed) => {
              committing.resolve()
              await answered.promise
              return changed
            }),
        }),
    })
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: new Sender(pngOf(9000)).end() })
    await committing.promise
    const closing = watched(at.mediaport.close())
    await eventually(at.rows).toMatchObject([{ state: 'stored' }])
    expect(closing.isSettled()).toBe(false)
    answered.resolve()
    await closing.outcome()
    expect((await uploading)._unsafeUnwrap().state).toBe('stored')
  })
})

describe('after closing', () => {
  it('no upload is taken', async () => {
    const { mediaport, rows, files } = world()
    await mediaport.close()
    const sender = new Sender(pngOf(9000)).end()
    const error = (await mediaport.uploadMedia({ filename: 'a.png', body: sender }))._unsafeUnwrapErr()
    expect(error).toEqual(shuttingDown)
    expect(sender.stopped).toBe(true)
    expect(await rows()).toEqual([])
    expect(await files()).toBe(0)
  })

  it('no upload is waited for', async () => {
    const { mediaport } = world()
    await mediaport.close()
    const refusal = watched(mediaport.uploadMedia({ filename: 'a.png', body: new Sender() }))
    expect((await refusal.outcome())._unsafeUnwrapErr()).toEqual(shuttingDown)
  })

  it('what is stored can still be read', async () => {
    const { mediaport, upload, content } = world()
    const { id } = await upload()
    await mediaport.close()
    expect((await mediaport.getMedia(id)).isOk()).toBe(true)
    expect((await content(id)).length).toBeGreaterThan(0)
  })
})
