import { randomBytes, randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { MetadataStore } from '../../src/application/ports/metadata-store.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Metadata } from '../../src/domain/metadata.ts'

/** All that a document may have. */
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
 * What every MetadataStore owes.
 * @param openEmpty opens a store without documents, for one check; it registers its own clearing away.
 */
export function metadataStoreContract(name: string, openEmpty: () => Promise<MetadataStore>): void {
  describe(`MetadataStore: ${name}`, () => {
    let store: MetadataStore
    let id: MediaId
    let attempt: Attempt

    beforeEach(async () => {
      store = await openEmpty()
      id = randomUUID() as MediaId
      attempt = newAttempt()
    })

    const save = async (metadata: Metadata, of = id, about = attempt) =>
      (await store.save(of, about, metadata))._unsafeUnwrap()
    const found = async (of = id, about = attempt) => (await store.find(of, about))._unsafeUnwrap()
    const remove = async (of = id, about = attempt) => (await store.remove(of, about))._unsafeUnwrap()
    const listed = async (after?: MediaId) => (await store.list(after))._unsafeUnwrap()

    it('finds nothing of what it was never given', async () => {
      await save(NONE)
      expect(await found(randomUUID() as MediaId)).toBeUndefined()
    })

    it.each([
      ['all that there may be', FULL],
      ['no more than there is', NONE],
    ])('finds %s', async (_, metadata) => {
      await save(metadata)
      expect(await found()).toStrictEqual(metadata)
    })

    it('finds a document as large as one may be', async () => {
      const tags = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`tag ${n}`, 'ü'.repeat(500)]))
      await save({ status: 'ready', tags })
      expect(await found()).toStrictEqual({ status: 'ready', tags })
    })

    it('finds nothing under another attempt', async () => {
      await save(NONE)
      expect(await found(id, newAttempt())).toBeUndefined()
    })

    it('keeps one document a media: the last', async () => {
      await save(FULL)
      await save(NONE)
      expect(await found()).toStrictEqual(NONE)
      const next = newAttempt()
      await save(FULL, id, next)
      expect(await found()).toBeUndefined()
      expect(await found(id, next)).toStrictEqual(FULL)
      expect(await listed()).toEqual([{ id, attempt: next }])
    })

    it('keeps each media apart', async () => {
      const other = randomUUID() as MediaId
      await save(NONE)
      await save(FULL, other)
      await remove()
      expect(await found()).toBeUndefined()
      expect(await found(other)).toStrictEqual(FULL)
    })

    it('removes what is about this attempt, and nothing else', async () => {
      await save(NONE)
      await remove(id, newAttempt())
      expect(await found()).toStrictEqual(NONE)
      await remove()
      expect(await found()).toBeUndefined()
      expect(await listed()).toEqual([])
    })

    it('removes what is not there without complaint', async () => {
      await remove()
      await remove()
    })

    it('keeps one whole document when several are saved at once', async () => {
      const widths = Array.from({ length: 20 }, (_, n) => n + 1)
      await Promise.all(widths.map((width) => save({ ...NONE, width, tags: { width } })))
      const last = await found()
      expect(widths).toContain(last?.width)
      expect(last?.tags).toEqual({ width: last?.width })
      expect(await listed()).toHaveLength(1)
    })

    it('keeps what is saved at the same time, new documents beside replacements', async () => {
      const ids = Array.from({ length: 30 }, () => randomUUID() as MediaId)
      await Promise.all(ids.slice(0, 10).map((each) => save(NONE, each)))
      await Promise.all(ids.map((each, n) => save({ ...FULL, width: n }, each)))
      const all = await Promise.all(ids.map((each) => found(each)))
      expect(all).toStrictEqual(ids.map((_, width) => ({ ...FULL, width })))
      expect(await listed()).toHaveLength(30)
    })

    it('gives away nothing that could change what it keeps', async () => {
      const tags = { names: ['a'] }
      const saved = save({ ...NONE, tags })
      tags.names.push('b')
      await saved
      expect((await found())?.tags).toEqual({ names: ['a'] })
    })

    it('lists what there is, by ascending id, page by page', async () => {
      const ids = Array.from({ length: 1005 }, () => randomUUID() as MediaId).toSorted()
      // Not all at once, because no store owes patience to those that queue.
      for (let n = 0; n < ids.length; n += 50) await Promise.all(ids.slice(n, n + 50).map((each) => save(NONE, each)))
      const first = await listed()
      expect(first).toEqual(ids.slice(0, 1000).map((each) => ({ id: each, attempt })))
      expect(await listed(ids[999])).toEqual(ids.slice(1000).map((each) => ({ id: each, attempt })))
      expect(await listed(ids.at(-1))).toEqual([])
    })
  })
}

/** Saves a document that the store refuses beside good ones, at once: each has its own outcome. */
export async function savesBesideRefused(store: MetadataStore, refusedTags: Metadata['tags']): Promise<void> {
  const ids = Array.from({ length: 9 }, () => randomUUID() as MediaId)
  const attempt = newAttempt()
  const documents = ids.map((_, n): Metadata => ({ status: 'ready', tags: n === 4 ? refusedTags : { n } }))
  const saved = await Promise.all(documents.map((document, n) => store.save(ids[n] as MediaId, attempt, document)))
  const outcomes = saved.map((each) => (each.isErr() ? each.error.type : 'saved'))
  expect(outcomes).toEqual(ids.map((_, n) => (n === 4 ? 'document-refused' : 'saved')))
  const kept = await Promise.all(ids.map(async (each) => (await store.find(each, attempt))._unsafeUnwrap()))
  expect(kept).toEqual(documents.map((document, n) => (n === 4 ? undefined : document)))
}

const newAttempt = () => randomBytes(8).toString('hex') as Attempt
