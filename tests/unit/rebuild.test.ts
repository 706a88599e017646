import { errAsync, okAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import type { ExtractMetadata } from '../../src/application/ports/extract-metadata.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { createWorld, override } from './world.ts'

/** Creates `count` media items without documents and cached titles. The metadata store fails after `maxSaves` saves. */
async function createWorldWithoutProjections(count: number, maxSaves = Number.POSITIVE_INFINITY) {
  const state = { reads: 0, savesLeft: maxSaves }
  const extract: ExtractMetadata = () => {
    state.reads++
    return okAsync({ status: 'none', format: 'png', tags: {} })
  }
  const { metadata } = memoryPorts()
  const world = createWorld({
    ports: {
      extract,
      metadata: override(metadata, {
        save: (...args) =>
          state.savesLeft-- > 0 ? metadata.save(...args) : errAsync(unavailable('metadata')(new Error('away'))),
      }),
    },
  })
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await world.upload({ title: `title ${n}` })).id)
  const documentIds = async () => (await metadata.list())._unsafeUnwrap().map(({ id }) => id)
  const titleIds = async () => (await world.titles.list())._unsafeUnwrap().entries.map(({ id }) => id)
  return { ...world, state, ids: ids.toSorted(), documentIds, cachedIds: async () => (await titleIds()).toSorted() }
}

describe('Rebuilding projections', () => {
  it('saves all documents and titles again, and reports its progress', async () => {
    const world = await createWorldWithoutProjections(105)
    const [deleted] = world.ids
    await world.mediaport.deleteMedia(deleted ?? '', { owner: EVERYONE })
    const progress: number[] = []
    const onProgress = (done: number) => void progress.push(done)
    const result = await world.mediaport.rebuild({ metadata: true, titles: true, onProgress })
    expect(result._unsafeUnwrap()).toBe(104)
    expect(await world.documentIds()).toEqual(world.ids.slice(1))
    expect(await world.cachedIds()).toEqual(world.ids.slice(1))
    expect(progress.at(-1)).toBe(104)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  })

  it.each([
    ['metadata', { metadata: true, titles: false }, 3, 0],
    ['titles', { metadata: false, titles: true }, 0, 3],
  ])('changes only one projection if it is called for %s', async (_, options, documents, titles) => {
    const world = await createWorldWithoutProjections(3)
    await world.mediaport.rebuild(options)
    expect(await world.documentIds()).toHaveLength(documents)
    expect(await world.cachedIds()).toHaveLength(titles)
  })

  it('reads no file twice if it is repeated after an outage', async () => {
    const world = await createWorldWithoutProjections(20, 7)
    const options = { metadata: true, titles: false }
    expect((await world.mediaport.rebuild(options))._unsafeUnwrapErr().dependency).toBe('metadata')
    const before = { reads: world.state.reads, documents: (await world.documentIds()).length }
    world.state.savesLeft = Number.POSITIVE_INFINITY
    expect((await world.mediaport.rebuild(options))._unsafeUnwrap()).toBe(20)
    expect(await world.documentIds()).toEqual(world.ids)
    expect(world.state.reads - before.reads).toBe(20 - before.documents)
  })

  it('removes documents and titles of media items that no longer exist', async () => {
    const world = await createWorldWithoutProjections(2)
    const options = { metadata: true, titles: true }
    await world.mediaport.rebuild(options)
    const [id = ''] = world.ids
    const media = (await world.media.get(id as MediaId))._unsafeUnwrap() as Stored
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    await world.mediaport.reapUploads()
    await world.media.forget(media.id, media.attempt)
    await world.titles.put(media.id, { ...media, version: 9 })
    await world.metadata.save(media.id, media.attempt, { status: 'none', tags: {} })
    await world.mediaport.rebuild(options)
    expect(await world.documentIds()).toEqual(world.ids.slice(1))
    expect(await world.cachedIds()).toEqual(world.ids.slice(1))
  })
})
