import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import type { ChangeOptions } from '../../src/application/library/change-media.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { type Attempt, storageKey } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { receive } from '../../src/domain/media/transitions.ts'
import { pngOf } from '../samples.ts'
import { createWorld, down, override, Sender, type World } from './world.ts'

const change = async (world: World, id: string, details: Partial<ChangeOptions>) =>
  (await world.mediaport.changeMedia(id, { owner: EVERYONE, ...details }))._unsafeUnwrap()
const changeError = async (world: World, id: string, details: Partial<ChangeOptions>) =>
  (await world.mediaport.changeMedia(id, { owner: EVERYONE, ...details }))._unsafeUnwrapErr()

describe('Changing a media item', () => {
  it('sets the title, the tags or both, and adds 1 to the version each time', async () => {
    const world = createWorld()
    const media = await world.upload({ title: 'first', tags: ['a'] })
    expect(await change(world, media.id, { title: ' second ' })).toStrictEqual({
      ...media,
      title: 'second',
      version: 2,
    })
    expect(await change(world, media.id, { tags: ['B', 'c', 'b'] })).toMatchObject({
      title: 'second',
      tags: ['b', 'c'],
      version: 3,
    })
    const last = await change(world, media.id, { title: 'third', tags: [] })
    expect(last).toStrictEqual({ ...media, title: 'third', tags: [], version: 4 })
    expect(await world.row()).toStrictEqual(last)
    expect(world.eventTypes()).toEqual(['media-stored', 'media-changed', 'media-changed', 'media-changed'])
  })

  it.each<[string, Partial<ChangeOptions>]>([
    ['no changes', {}],
    ['the current title and tags', { title: 'first ', tags: ['A'] }],
  ])('with %s keeps the version and emits no event', async (_, details) => {
    const world = createWorld()
    const media = await world.upload({ title: 'first', tags: ['a'] })
    expect(await change(world, media.id, details)).toStrictEqual(media)
    expect(world.eventTypes()).toEqual(['media-stored'])
  })

  it.each<[Partial<ChangeOptions>, object]>([
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
  ])('to %j fails and changes nothing', async (details, error) => {
    const world = createWorld()
    const media = await world.upload()
    expect(await changeError(world, media.id, details)).toEqual(error)
    expect(await world.row()).toStrictEqual(media)
  })

  it('fails if the media item does not meet the precondition', async () => {
    const world = createWorld()
    const { id } = await world.upload()
    expect(await change(world, id, { title: 'A', precondition: isVersion(1) })).toMatchObject({ version: 2 })
    for (const version of [1, 3, 0])
      expect(await changeError(world, id, { title: 'B', precondition: isVersion(version) })).toEqual({
        type: 'precondition-failed',
      })
    expect(await world.row()).toMatchObject({ title: 'A', version: 2 })
  })

  it('succeeds for only one of ten concurrent calls that expect the same version', async () => {
    const world = createWorld()
    const { id } = await world.upload()
    const titles = Array.from({ length: 10 }, (_, n) => `${n}`)
    const answers = await Promise.all(
      titles.map((title) => world.mediaport.changeMedia(id, { owner: EVERYONE, title, precondition: isVersion(1) })),
    )
    expect(answers.filter((answer) => answer.isOk())).toHaveLength(1)
    expect(await world.row()).toMatchObject({ version: 2 })
  })

  it.each(['anonymous', 'ME'])('returns not-found for the other owner %j', async (owner) => {
    const world = createWorld()
    const media = await world.upload({ owner: 'me' })
    expect(await changeError(world, media.id, { title: 'mine', owner, precondition: isVersion(7) })).toEqual({
      type: 'not-found',
    })
    expect(await world.row()).toStrictEqual(media)
    expect(await change(world, media.id, { title: 'mine', owner: 'me' })).toMatchObject({ title: 'mine' })
  })

  it.each(['nothing', '', '../x', randomIdentity.newId(), randomIdentity.newId().toUpperCase()])(
    'returns not-found for the unknown id "%s"',
    async (id) => {
      expect(await changeError(createWorld(), id, { title: 'A' })).toEqual({ type: 'not-found' })
    },
  )

  it('returns not-found while the upload is in progress, as does deleting it', async () => {
    const world = createWorld()
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: new Sender(pngOf(9000)) })
    await expect.poll(world.rows).toHaveLength(1)
    const [row] = await world.rows()
    expect(await changeError(world, row?.id ?? '', { title: 'A' })).toEqual({ type: 'not-found' })
    expect((await world.mediaport.deleteMedia(row?.id ?? '', { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual({
      type: 'not-found',
    })
    await world.mediaport.close()
    await result
  })

  it('returns unavailable if the database does not answer', async () => {
    const world = createWorld({ wrapMedia: (media) => override(media, { update: () => errAsync(down) }) })
    expect(await changeError(world, randomIdentity.newId(), { title: 'A' })).toEqual(down)
  })
})

describe('Deleting a media item', () => {
  it('hides it at once, and emits an event that names its file', async () => {
    const world = createWorld()
    const media = await world.upload({ title: 'secret', tags: ['a'] })
    expect((await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })).isOk()).toBe(true)
    expect((await world.mediaport.getMedia(media.id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual({
      type: 'not-found',
    })
    expect((await world.mediaport.openContent(media.id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual({
      type: 'not-found',
    })
    expect((await world.mediaport.listMedia({ owner: EVERYONE }))._unsafeUnwrap().items).toEqual([])
    expect((await world.mediaport.listMedia({ owner: EVERYONE, tag: 'a' }))._unsafeUnwrap().items).toEqual([])
    const { id, storage, storageKey, fileId } = media
    expect(world.events.at(-1)).toEqual({ type: 'media-deleted', id, storage, storageKey, fileId })
    expect(await world.row()).toMatchObject({ state: 'deleted', version: 2 })
    expect(JSON.stringify(await world.row())).not.toContain('secret')
  })

  it('returns not-found the second time, as does changing it', async () => {
    const world = createWorld()
    const { id } = await world.upload()
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect((await world.mediaport.deleteMedia(id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual({
      type: 'not-found',
    })
    expect(await changeError(world, id, { title: 'back' })).toEqual({ type: 'not-found' })
    expect(await changeError(world, id, { title: 'back', precondition: isVersion(2) })).toEqual({ type: 'not-found' })
    expect(world.eventTypes()).toEqual(['media-stored', 'media-deleted'])
  })

  it('fails if the media item does not meet the precondition', async () => {
    const world = createWorld()
    const { id } = await world.upload()
    await change(world, id, { title: 'A' })
    const result = await world.mediaport.deleteMedia(id, { owner: EVERYONE, precondition: isVersion(1) })
    expect(result._unsafeUnwrapErr()).toEqual({ type: 'precondition-failed' })
    expect((await world.mediaport.getMedia(id, { owner: EVERYONE })).isOk()).toBe(true)
    expect((await world.mediaport.deleteMedia(id, { owner: EVERYONE, precondition: isVersion(2) })).isOk()).toBe(true)
  })

  it('returns not-found for another owner', async () => {
    const world = createWorld()
    const { id } = await world.upload({ owner: 'me' })
    expect((await world.mediaport.deleteMedia(id, { owner: 'you' }))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
    expect((await world.mediaport.deleteMedia(id, { owner: 'me' })).isOk()).toBe(true)
  })

  it('is not undone by another attempt that adds the same id', async () => {
    const world = createWorld()
    const media = await world.upload()
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    const attempt = 'ffffffffffffffff' as Attempt
    const intent = { ...media, attempt, storageKey: storageKey(media.id, attempt) }
    expect((await world.media.add(receive(intent, new Date(), 60), 60)).isErr()).toBe(true)
    expect(await world.row()).toMatchObject({ state: 'deleted' })
  })
})

const isVersion = (version: number) => (media: Stored) => media.version === version
