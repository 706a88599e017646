import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import type { ChangeOptions } from '../../src/application/library/change-media.ts'
import { type Attempt, storageKey } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { receive } from '../../src/domain/media/transitions.ts'
import { pngOf } from '../samples.ts'
import { down, eventually, over, Sender, type World, world } from './world.ts'

const changed = async (at: World, id: string, details: ChangeOptions) =>
  (await at.mediaport.changeMedia(id, details))._unsafeUnwrap()
const refused = async (at: World, id: string, details: ChangeOptions) =>
  (await at.mediaport.changeMedia(id, details))._unsafeUnwrapErr()
const types = ({ told }: World) => told.map(({ type }) => type)

describe('changing a media', () => {
  it('gives it another title, other tags, or both, as one version each', async () => {
    const at = world()
    const media = await at.upload({ title: 'first', tags: ['a'] })
    expect(await changed(at, media.id, { title: ' second ' })).toStrictEqual({ ...media, title: 'second', version: 2 })
    expect(await changed(at, media.id, { tags: ['B', 'c', 'b'] })).toMatchObject({
      title: 'second',
      tags: ['b', 'c'],
      version: 3,
    })
    const last = await changed(at, media.id, { title: 'third', tags: [] })
    expect(last).toStrictEqual({ ...media, title: 'third', tags: [], version: 4 })
    expect(await at.row()).toStrictEqual(last)
    expect(types(at)).toEqual(['media-stored', 'media-changed', 'media-changed', 'media-changed'])
  })

  it.each<[string, ChangeOptions]>([
    ['nothing', {}],
    ['what it has', { title: 'first ', tags: ['A'] }],
  ])('to %s leaves its version, and nobody is told', async (_, details) => {
    const at = world()
    const media = await at.upload({ title: 'first', tags: ['a'] })
    expect(await changed(at, media.id, details)).toStrictEqual(media)
    expect(types(at)).toEqual(['media-stored'])
  })

  it.each<[ChangeOptions, object]>([
    [{ title: '' }, { type: 'invalid-title', reason: 'empty' }],
    [{ title: 'a\nb' }, { type: 'invalid-title', reason: 'control-characters' }],
    [{ title: 'x'.repeat(201) }, { type: 'invalid-title', reason: 'too-long' }],
    [{ tags: ['a,b'] }, { type: 'invalid-tag', reason: 'comma' }],
    [{ tags: [''] }, { type: 'invalid-tag', reason: 'empty' }],
    [{ tags: Array.from({ length: 33 }, (_, n) => `${n}`) }, { type: 'invalid-tag', reason: 'too-many' }],
    [
      { title: 'good', tags: ['x'.repeat(65)] },
      { type: 'invalid-tag', reason: 'too-long' },
    ],
  ])('to %j is refused as a whole', async (details, error) => {
    const at = world()
    const media = await at.upload()
    expect(await refused(at, media.id, details)).toEqual(error)
    expect(await at.row()).toStrictEqual(media)
  })

  it('is for one version only, where one is named', async () => {
    const at = world()
    const { id } = await at.upload()
    expect(await changed(at, id, { title: 'A', precondition: isVersion(1) })).toMatchObject({ version: 2 })
    for (const version of [1, 3, 0])
      expect(await refused(at, id, { title: 'B', precondition: isVersion(version) })).toEqual({
        type: 'precondition-failed',
      })
    expect(await at.row()).toMatchObject({ title: 'A', version: 2 })
  })

  it('loses no update where two have seen the same version', async () => {
    const at = world()
    const { id } = await at.upload()
    const titles = Array.from({ length: 10 }, (_, n) => `${n}`)
    const answers = await Promise.all(
      titles.map((title) => at.mediaport.changeMedia(id, { title, precondition: isVersion(1) })),
    )
    expect(answers.filter((answer) => answer.isOk())).toHaveLength(1)
    expect(await at.row()).toMatchObject({ version: 2 })
  })

  it.each(['anonymous', 'ME', ''])('of another owner than %j does not exist', async (owner) => {
    const at = world()
    const media = await at.upload({ owner: 'me' })
    expect(await refused(at, media.id, { title: 'mine', owner, precondition: isVersion(7) })).toEqual({
      type: 'not-found',
    })
    expect(await at.row()).toStrictEqual(media)
    expect(await changed(at, media.id, { title: 'mine', owner: 'me' })).toMatchObject({ title: 'mine' })
  })

  it.each(['nothing', '', '../x', randomIdentity.newId(), randomIdentity.newId().toUpperCase()])(
    'that nobody has (%s) is refused',
    async (id) => {
      expect(await refused(world(), id, { title: 'A' })).toEqual({ type: 'not-found' })
    },
  )

  it('that is still on its way in is refused', async () => {
    const at = world()
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: new Sender(pngOf(9000)) })
    await eventually(at.rows).toHaveLength(1)
    const [row] = await at.rows()
    expect(await refused(at, row?.id ?? '', { title: 'A' })).toEqual({ type: 'not-found' })
    expect((await at.mediaport.deleteMedia(row?.id ?? ''))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    await at.mediaport.close()
    await uploading
  })

  it('says when the database does not answer', async () => {
    const at = world({ wrapMedia: (media) => over(media, { update: () => errAsync(down) }) })
    expect(await refused(at, randomIdentity.newId(), { title: 'A' })).toEqual(down)
  })
})

describe('deleting a media', () => {
  it('hides it at once, and tells where its bytes lie', async () => {
    const at = world()
    const media = await at.upload({ title: 'secret', tags: ['a'] })
    expect((await at.mediaport.deleteMedia(media.id)).isOk()).toBe(true)
    expect((await at.mediaport.getMedia(media.id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    expect((await at.mediaport.openContent(media.id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    expect((await at.mediaport.listMedia())._unsafeUnwrap().items).toEqual([])
    expect((await at.mediaport.listMedia({ tag: 'a' }))._unsafeUnwrap().items).toEqual([])
    const { id, storage, storageKey, fileId } = media
    expect(at.told.at(-1)).toEqual({ type: 'media-deleted', id, storage, storageKey, fileId })
    expect(await at.row()).toMatchObject({ state: 'deleted', version: 2 })
    expect(JSON.stringify(await at.row())).not.toContain('secret')
  })

  it('twice, or changing what was deleted, finds nothing', async () => {
    const at = world()
    const { id } = await at.upload()
    await at.mediaport.deleteMedia(id)
    expect((await at.mediaport.deleteMedia(id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    expect(await refused(at, id, { title: 'back' })).toEqual({ type: 'not-found' })
    expect(await refused(at, id, { title: 'back', precondition: isVersion(2) })).toEqual({ type: 'not-found' })
    expect(types(at)).toEqual(['media-stored', 'media-deleted'])
  })

  it('is for one version only, where one is named', async () => {
    const at = world()
    const { id } = await at.upload()
    await changed(at, id, { title: 'A' })
    const early = await at.mediaport.deleteMedia(id, { precondition: isVersion(1) })
    expect(early._unsafeUnwrapErr()).toEqual({ type: 'precondition-failed' })
    expect((await at.mediaport.getMedia(id)).isOk()).toBe(true)
    expect((await at.mediaport.deleteMedia(id, { precondition: isVersion(2) })).isOk()).toBe(true)
  })

  it('of another owner finds nothing', async () => {
    const at = world()
    const { id } = await at.upload({ owner: 'me' })
    expect((await at.mediaport.deleteMedia(id, { owner: 'you' }))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    expect((await at.mediaport.deleteMedia(id, { owner: 'me' })).isOk()).toBe(true)
  })

  it('is not undone by the upload that made it: its commit comes too late', async () => {
    const at = world()
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    const attempt = 'ffffffffffffffff' as Attempt
    const intent = { ...media, attempt, storageKey: storageKey(media.id, attempt) }
    expect((await at.media.add(receive(intent, new Date(), 60), 60)).isErr()).toBe(true)
    expect(await at.row()).toMatchObject({ state: 'deleted' })
  })
})

const isVersion = (version: number) => (media: Stored) => media.version === version
