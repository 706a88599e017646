import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { pngOf } from '../samples.ts'
import { down, eventually, over, Sender, world } from './world.ts'

const notFound = { type: 'not-found' }

describe('one media', () => {
  it('is got by its id, by everybody who may see all', async () => {
    const { mediaport, upload } = world()
    const stored = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(stored.id))._unsafeUnwrap()).toStrictEqual(stored)
    expect((await mediaport.getMedia(stored.id, {}))._unsafeUnwrap()).toStrictEqual(stored)
  })

  it('is got by its owner', async () => {
    const { mediaport, upload } = world()
    const stored = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(stored.id, { owner: 'me' }))._unsafeUnwrap()).toStrictEqual(stored)
  })

  it.each(['you', 'ME', '', 'anonymous'])('of another owner does not exist for "%s"', async (owner) => {
    const { mediaport, upload } = world()
    const { id } = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(id, { owner }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('that nobody uploaded does not exist', async () => {
    const { mediaport, upload } = world()
    await upload()
    expect((await mediaport.getMedia(randomIdentity.newId()))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('is not found by another spelling of its id, and the repository is not bothered with it', async () => {
    const asked: string[] = []
    const { mediaport, upload } = world({
      wrapMedia: (media) =>
        over(media, {
          get: (id) => {
            asked.push(id)
            return media.get(id)
          },
        }),
    })
    const { id } = await upload()
    for (const raw of [
      id.toUpperCase(),
      `{${id}}`,
      `${id}\n`,
      ` ${id}`,
      `../${id}`,
      '',
      'x'.repeat(10_240),
      "' or 1=1",
    ])
      expect((await mediaport.getMedia(raw))._unsafeUnwrapErr()).toEqual(notFound)
    expect(asked).toEqual([])
  })

  it('does not exist while its bytes come, nor after it was given up', async () => {
    const { mediaport, rows } = world()
    const sender = new Sender(pngOf(10_000))
    const uploading = mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(rows).toMatchObject([{ state: 'receiving' }])
    const [{ id } = { id: '' }] = await rows()
    expect((await mediaport.getMedia(id))._unsafeUnwrapErr()).toEqual(notFound)
    sender.fail(new Error('left'))
    await uploading
    expect(await rows()).toMatchObject([{ state: 'abandoned' }])
    expect((await mediaport.getMedia(id))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('is not known to be missing when the repository does not answer', async () => {
    const { mediaport } = world({ wrapMedia: (media) => over(media, { get: () => errAsync(down) }) })
    expect((await mediaport.getMedia(randomIdentity.newId()))._unsafeUnwrapErr()).toEqual(down)
  })
})
