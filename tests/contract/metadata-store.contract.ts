import { beforeEach, describe, expect, it } from 'vitest'
import type { MetadataStore } from '../../src/application/ports/metadata-store.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import { newAttempt, newId } from '../support/ids.ts'

/** A document with every field. */
const FULL: Metadata = {
  status: 'partial',
  reason: 'cut off',
  format: 'jpeg',
  width: 4032,
  height: 3024,
  orientation: 6,
  colour: 'rgb',
  durationSeconds: 12.5,
  pages: 3,
  camera: { make: 'Canon', model: `'"\\ $where.é 照`, lens: 'EF 50mm' },
  exposure: { time: 0.008, fNumber: 2.8, iso: 100, focalLength: 50 },
  takenAt: '2026-11-23T10:00:00+01:00',
  location: { latitude: -33.8568, longitude: 151.2153, altitude: 0 },
  tags: {
    exif: {
      Make: 'Canon',
      ISO: 100,
      Flash: false,
      Lens: [24, 70.5, 2.8],
      Comment: ['x', 1, true],
      empty: {},
      none: [],
    },
    'a b:c': '',
    deep: { 2: { 3: { 4: { 5: { 6: { 7: { 8: -1e-7 } } } } } } },
  },
}
const NONE: Metadata = { status: 'none', format: 'gif', tags: {} }

/**
 * Describes the guarantees of every MetadataStore.
 *
 * @param openEmpty Opens a store without documents for one test, and registers its own cleanup.
 */
export function metadataStoreContract(name: string, openEmpty: () => Promise<MetadataStore>): void {
  describe(`MetadataStore: ${name}`, () => {
    let store: MetadataStore
    let id: MediaId
    let attempt: Attempt

    beforeEach(async () => {
      store = await openEmpty()
      id = newId()
      attempt = newAttempt()
    })

    const save = async (metadata: Metadata, mediaId = id, about = attempt) =>
      (await store.save(mediaId, about, metadata))._unsafeUnwrap()
    const find = async (mediaId = id, about = attempt) => (await store.find(mediaId, about))._unsafeUnwrap()
    const remove = async (mediaId = id, about = attempt) => (await store.remove(mediaId, about))._unsafeUnwrap()
    const list = async (after?: MediaId) => (await store.list(after))._unsafeUnwrap()

    it('finds no document of an unknown media item', async () => {
      await save(NONE)
      expect(await find(newId())).toBeUndefined()
    })

    it.each([
      ['a document with every field', FULL],
      ['a document with the required fields only', NONE],
    ])('finds %s', async (_, metadata) => {
      await save(metadata)
      expect(await find()).toStrictEqual(metadata)
    })

    it('finds a document of the maximum size', async () => {
      const tags = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`tag ${n}`, 'ü'.repeat(500)]))
      await save({ status: 'ready', tags })
      expect(await find()).toStrictEqual({ status: 'ready', tags })
    })

    it('finds no document for another attempt', async () => {
      await save(NONE)
      expect(await find(id, newAttempt())).toBeUndefined()
    })

    it('keeps only the last document of a media item', async () => {
      await save(FULL)
      await save(NONE)
      expect(await find()).toStrictEqual(NONE)
      const next = newAttempt()
      await save(FULL, id, next)
      expect(await find()).toBeUndefined()
      expect(await find(id, next)).toStrictEqual(FULL)
      expect(await list()).toEqual([{ id, attempt: next }])
    })

    it('keeps the documents of media items separate', async () => {
      const other = newId()
      await save(NONE)
      await save(FULL, other)
      await remove()
      expect(await find()).toBeUndefined()
      expect(await find(other)).toStrictEqual(FULL)
    })

    it('removes only the document of the given attempt', async () => {
      await save(NONE)
      await remove(id, newAttempt())
      expect(await find()).toStrictEqual(NONE)
      await remove()
      expect(await find()).toBeUndefined()
      expect(await list()).toEqual([])
    })

    it('removes a missing document without an error', async () => {
      await remove()
      await remove()
    })

    it('keeps one complete document if several are saved at the same time', async () => {
      const widths = Array.from({ length: 20 }, (_, n) => n + 1)
      await Promise.all(widths.map((width) => save({ ...NONE, width, tags: { width } })))
      const last = await find()
      expect(widths).toContain(last?.width)
      expect(last?.tags).toEqual({ width: last?.width })
      expect(await list()).toHaveLength(1)
    })

    it('keeps new and replaced documents that are saved at the same time', async () => {
      const ids = Array.from({ length: 30 }, () => newId())
      await Promise.all(ids.slice(0, 10).map((each) => save(NONE, each)))
      await Promise.all(ids.map((each, n) => save({ ...FULL, width: n }, each)))
      const all = await Promise.all(ids.map((each) => find(each)))
      expect(all).toStrictEqual(ids.map((_, width) => ({ ...FULL, width })))
      expect(await list()).toHaveLength(30)
    })

    it('does not change a saved document if the caller changes its object', async () => {
      const tags = { names: ['a'] }
      const results = save({ ...NONE, tags })
      tags.names.push('b')
      await results
      expect((await find())?.tags).toEqual({ names: ['a'] })
    })

    it('lists documents by ascending id, page by page', async () => {
      const ids = Array.from({ length: 1005 }, () => newId()).toSorted()
      // In groups of 50, because calls that wait too long for a connection may fail.
      for (let n = 0; n < ids.length; n += 50) await Promise.all(ids.slice(n, n + 50).map((each) => save(NONE, each)))
      const first = await list()
      expect(first).toEqual(ids.slice(0, 1000).map((each) => ({ id: each, attempt })))
      expect(await list(ids[999])).toEqual(ids.slice(1000).map((each) => ({ id: each, attempt })))
      expect(await list(ids.at(-1))).toEqual([])
    })
  })
}

/** Saves nine documents at the same time, of which the store refuses one. Expects the outcome of each. */
export async function expectOneRefused(store: MetadataStore, refusedTags: Metadata['tags']): Promise<void> {
  const ids = Array.from({ length: 9 }, () => newId())
  const attempt = newAttempt()
  const documents = ids.map((_, n): Metadata => ({ status: 'ready', tags: n === 4 ? refusedTags : { n } }))
  const results = await Promise.all(documents.map((document, n) => store.save(ids[n] as MediaId, attempt, document)))
  const outcomes = results.map((each) => (each.isErr() ? each.error.type : 'saved'))
  expect(outcomes).toEqual(ids.map((_, n) => (n === 4 ? 'document-refused' : 'saved')))
  const documentsAfter = await Promise.all(ids.map(async (each) => (await store.find(each, attempt))._unsafeUnwrap()))
  expect(documentsAfter).toEqual(documents.map((document, n) => (n === 4 ? undefined : document)))
}
