import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { pngOf } from '../samples.ts'
import { createWorld, down, override, Sender } from './world.ts'

const notFound = { type: 'not-found' }

describe('Getting a media item', () => {
  it('returns it for EVERYONE', async () => {
    const { mediaport, upload } = createWorld()
    const stored = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(stored.id, { owner: EVERYONE }))._unsafeUnwrap()).toStrictEqual(stored)
  })

  it('returns it for its owner', async () => {
    const { mediaport, upload } = createWorld()
    const stored = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(stored.id, { owner: 'me' }))._unsafeUnwrap()).toStrictEqual(stored)
  })

  it.each(['you', 'ME', 'anonymous'])('returns not-found for the other owner "%s"', async (owner) => {
    const { mediaport, upload } = createWorld()
    const { id } = await upload({ owner: 'me' })
    expect((await mediaport.getMedia(id, { owner }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('returns not-found for an unknown id', async () => {
    const { mediaport, upload } = createWorld()
    await upload()
    expect((await mediaport.getMedia(randomIdentity.newId(), { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('returns not-found for another spelling of its id, without a query', async () => {
    const queriedIds: string[] = []
    const { mediaport, upload } = createWorld({
      wrapMedia: (media) =>
        override(media, {
          get: (id) => {
            queriedIds.push(id)
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
      expect((await mediaport.getMedia(raw, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(notFound)
    expect(queriedIds).toEqual([])
  })

  it('returns not-found during its upload and after the upload is abandoned', async () => {
    const { mediaport, rows } = createWorld()
    const sender = new Sender(pngOf(10_000))
    const result = mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(rows).toMatchObject([{ state: 'receiving' }])
    const [{ id } = { id: '' }] = await rows()
    expect((await mediaport.getMedia(id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(notFound)
    sender.fail(new Error('left'))
    await result
    expect(await rows()).toMatchObject([{ state: 'abandoned' }])
    expect((await mediaport.getMedia(id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('returns unavailable, not not-found, if the database does not answer', async () => {
    const { mediaport } = createWorld({ wrapMedia: (media) => override(media, { get: () => errAsync(down) }) })
    expect((await mediaport.getMedia(randomIdentity.newId(), { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(down)
  })
})
