import { errAsync, okAsync } from 'neverthrow'
import { expect, it } from 'vitest'
import type { ExtractMetadata } from '../../src/application/ports/extract-metadata.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { over, world } from './world.ts'

/** So many media of which neither store knows anything; the metadata store takes at most so many documents. */
async function forgotten(count: number, takes = Number.POSITIVE_INFINITY) {
  const state = { reads: 0, takes }
  const extract: ExtractMetadata = () => {
    state.reads++
    return okAsync({ status: 'none', format: 'png', tags: {} })
  }
  const { metadata } = memoryPorts()
  const at = world({
    ports: {
      extract,
      metadata: over(metadata, {
        save: (...given) =>
          state.takes-- > 0 ? metadata.save(...given) : errAsync(unavailable('metadata')(new Error('away'))),
      }),
    },
  })
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await at.upload({ title: `title ${n}` })).id)
  const documents = async () => (await metadata.list())._unsafeUnwrap().map(({ id }) => id)
  const titles = async () => (await at.titles.list())._unsafeUnwrap().entries.map(({ id }) => id)
  return { ...at, state, ids: ids.toSorted(), documents, cached: async () => (await titles()).toSorted() }
}

it('makes all documents and titles again, and says how far it is', async () => {
  const at = await forgotten(105)
  const [deleted] = at.ids
  await at.mediaport.deleteMedia(deleted ?? '')
  const progress: number[] = []
  const onProgress = (done: number) => void progress.push(done)
  const done = await at.mediaport.rebuild({ metadata: true, titles: true, onProgress })
  expect(done._unsafeUnwrap()).toBe(104)
  expect(await at.documents()).toEqual(at.ids.slice(1))
  expect(await at.cached()).toEqual(at.ids.slice(1))
  expect(progress.at(-1)).toBe(104)
  expect(progress).toEqual(progress.toSorted((a, b) => a - b))
})

it.each([
  ['metadata', { metadata: true, titles: false }, 3, 0],
  ['titles', { metadata: false, titles: true }, 0, 3],
])('leaves the other alone when it is for %s', async (_, what, documents, titles) => {
  const at = await forgotten(3)
  await at.mediaport.rebuild(what)
  expect(await at.documents()).toHaveLength(documents)
  expect(await at.cached()).toHaveLength(titles)
})

it('reads no file twice when it goes on after an outage', async () => {
  const at = await forgotten(20, 7)
  const what = { metadata: true, titles: false }
  expect((await at.mediaport.rebuild(what))._unsafeUnwrapErr().dependency).toBe('metadata')
  const before = { reads: at.state.reads, documents: (await at.documents()).length }
  at.state.takes = Number.POSITIVE_INFINITY
  expect((await at.mediaport.rebuild(what))._unsafeUnwrap()).toBe(20)
  expect(await at.documents()).toEqual(at.ids)
  expect(at.state.reads - before.reads).toBe(20 - before.documents)
})

it('takes out what stores that were restored from an old copy have of media that are no more', async () => {
  const at = await forgotten(2)
  const what = { metadata: true, titles: true }
  await at.mediaport.rebuild(what)
  const [id = ''] = at.ids
  const old = (await at.media.get(id as MediaId))._unsafeUnwrap() as Stored
  await at.mediaport.deleteMedia(id)
  await at.mediaport.reapUploads()
  await at.media.forget(old.id, old.attempt)
  await at.titles.put(old.id, { ...old, version: 9 })
  await at.metadata.save(old.id, old.attempt, { status: 'none', tags: {} })
  await at.mediaport.rebuild(what)
  expect(await at.documents()).toEqual(at.ids.slice(1))
  expect(await at.cached()).toEqual(at.ids.slice(1))
})
