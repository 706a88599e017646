import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { jobsOf } from '../../src/application/jobs.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { FileRef } from '../../src/domain/media/media.ts'
import { leaseFrom } from '../../src/domain/media/transitions.ts'
import { collect, inChunks, pngOf } from '../samples.ts'
import { down, type Given, over, world } from './world.ts'

const MOVE = { from: 'old', to: 'new' }
const bytes = pngOf(10_000)

/** Media in a storage that is called `old`, beside an empty one that is called `new`. */
function start(given: Given = {}) {
  const old = over<FileStorage>(new MemoryFileStorage(), { name: 'old' })
  const target = over<FileStorage>(new MemoryFileStorage(), { name: 'new' })
  const at = world({ ...given, ports: { storages: [old, target] } })
  const count = async (storage: FileStorage) => (await storage.list())._unsafeUnwrap().length
  return {
    ...at,
    old,
    target,
    files: async () => ({ old: await count(old), new: await count(target) }),
    move: async (isTrial = false) => (await at.mediaport.moveMedia({ ...MOVE, isTrial }))._unsafeUnwrap(),
  }
}

/** The same, and something else before its answer. */
const instead =
  (put: FileStorage['put'], first: () => unknown): FileStorage['put'] =>
  (...given) =>
    put(...given).andThen((file) => ResultAsync.fromSafePromise(Promise.resolve(first()).then(() => file)))

/** Does at once what would be done by and by. */
async function workOff({ told, mediaport }: ReturnType<typeof start>) {
  for (const event of told) for (const job of jobsOf(event)) (await mediaport.work(job))._unsafeUnwrap()
}

describe('Moving media to another storage', () => {
  it('keeps the bytes and all that is known of them, and clears the old storage', async () => {
    const at = start()
    const before = [await at.upload({ bytes }), await at.upload({ title: 'B' })]
    await workOff(at)
    expect(await at.move()).toEqual({ media: 2, bytes: 10_000 + (before[1]?.sizeBytes ?? 0), failures: [] })
    expect(await at.files()).toEqual({ old: 0, new: 2 })
    expect(bytes.equals(await at.content(before[0]?.id ?? ''))).toBe(true)
    for (const media of before) {
      const { storage, storageKey, fileId, version, ...same } = (await at.mediaport.getMedia(media.id))._unsafeUnwrap()
      expect(media).toMatchObject(same)
      expect({ storage, version, fileId }).toEqual({ storage: 'new', version: 2, fileId: storageKey })
      expect((await at.mediaport.readMetadata(media.id))._unsafeUnwrap().status).not.toBe('pending')
    }
    await workOff(at)
    expect(await at.files()).toEqual({ old: 0, new: 2 })
    expect((await at.mediaport.doctor.examine())._unsafeUnwrap().findings).toEqual([])
  })

  it('does nothing the second time, on trial, or from a storage to itself', async () => {
    const at = start()
    await at.upload()
    expect(await at.move(true)).toMatchObject({ media: 1 })
    expect(await at.files()).toEqual({ old: 1, new: 0 })
    await at.move()
    const told = at.told.length
    expect(await at.move()).toMatchObject({ media: 0, failures: [] })
    expect((await at.mediaport.moveMedia({ from: 'new', to: 'new' }))._unsafeUnwrap()).toMatchObject({ media: 0 })
    expect(at.told).toHaveLength(told)
  })

  it('knows of no storage but those it was given', async () => {
    const moved = await start().mediaport.moveMedia({ from: 'old', to: 'elsewhere' })
    expect(moved._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'storage' })
  })

  it('tells of a copy before its first byte', async () => {
    const at = start()
    await at.upload()
    at.target.put = () => errAsync(down)
    expect((await at.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(down)
    expect(at.told.at(-1)).toMatchObject({ type: 'copy-started', storage: 'new', decidedSeconds: 1200 })
  })

  it('leaves a media that was deleted meanwhile deleted, with nothing in either storage', async () => {
    const at = start()
    const { id } = await at.upload()
    at.target.put = instead(at.target.put.bind(at.target), () => at.mediaport.deleteMedia(id))
    expect(await at.move()).toEqual({ media: 0, bytes: 0, failures: [] })
    expect((await at.row()).state).toBe('deleted')
    expect(await at.files()).toEqual({ old: 0, new: 0 })
  })

  it('leaves a media alone that was uploaded anew under the same key meanwhile, with other bytes', async () => {
    const at = start()
    const other = pngOf(20_000, 'other')
    const send = async (sent: Uint8Array) =>
      (await at.mediaport.uploadMedia({ filename: 'a.png', body: inChunks(sent), key: 'k' }))._unsafeUnwrap()
    const { id, attempt } = await send(bytes)
    at.target.put = instead(at.target.put.bind(at.target), async () => {
      await at.mediaport.deleteMedia(id)
      await workOff(at)
      await at.media.forget(id, attempt)
      await send(other)
    })
    expect(await at.move()).toMatchObject({ media: 0 })
    const kept = { storage: 'old', version: 1, sizeBytes: 20_000 }
    expect((await at.mediaport.getMedia(id))._unsafeUnwrap()).toMatchObject(kept)
    expect(other.equals(await at.content(id))).toBe(true)
    expect(await at.files()).toEqual({ old: 1, new: 0 })
  })

  it('keeps a title that was changed meanwhile', async () => {
    const at = start()
    const { id } = await at.upload()
    at.target.put = instead(at.target.put.bind(at.target), () => at.mediaport.changeMedia(id, { title: 'New' }))
    expect(await at.move()).toMatchObject({ media: 1 })
    expect(await at.row()).toMatchObject({ title: 'New', storage: 'new', version: 3 })
  })
})

describe('A media stays where it is, and is told,', () => {
  it.each<[string, (at: ReturnType<typeof start>, place: FileRef) => unknown]>([
    ['file-missing', (at, { storageKey }) => at.old.delete(storageKey)],
    ['file-damaged', (at) => (at.old.open = () => okAsync(inChunks(pngOf(10_000, 'another'))))],
    ['storage-error', (at) => (at.target.put = () => errAsync({ type: 'storage-error', cause: 'no' }))],
    ['insufficient-storage', (at) => (at.target.put = () => errAsync({ type: 'insufficient-storage', cause: 'no' }))],
  ])('%s', async (reason, harm) => {
    const at = start()
    const media = await at.upload({ bytes })
    await harm(at, media)
    const cause = reason.startsWith('file') ? {} : { cause: 'no' }
    const failures = [{ type: 'not-moved', id: media.id, reason, ...cause }]
    expect(await at.move()).toEqual({ media: 0, bytes: 0, failures })
    expect(await at.row()).toMatchObject({ storage: 'old', version: 1 })
    expect((await at.files()).new).toBe(0)
  })
})

describe('A storage that does not answer', () => {
  const KEYS = 6
  const silent = unavailable('storage')(new Error('EIO'))
  async function several() {
    const at = start()
    const media: Awaited<ReturnType<typeof at.upload>>[] = []
    for (let n = 0; n < KEYS; n++) media.push(await at.upload({ bytes: pngOf(1000, String(n)) }))
    return { ...at, media }
  }

  it('about one file keeps none of the others', async () => {
    const at = await several()
    const { id, storageKey } = at.media[2] ?? (await at.row())
    const open = at.old.open.bind(at.old)
    at.old.open = (...given) => (given[0] === storageKey ? errAsync(silent) : open(...given))
    const failures = [{ type: 'not-moved', id, reason: 'unavailable', cause: silent.cause }]
    expect(await at.move()).toEqual({ media: KEYS - 1, bytes: 1000 * (KEYS - 1), failures })
    at.old.open = open
    expect(await at.move()).toMatchObject({ media: 1, failures: [] })
    expect(await at.files()).toEqual({ old: 0, new: KEYS })
  })

  it('about a file half way keeps none of the others', async () => {
    const at = await several()
    const { storageKey } = at.media[5] ?? (await at.row())
    const open = at.old.open.bind(at.old)
    async function* half() {
      yield pngOf(500)
      throw silent.cause
    }
    at.old.open = (...given) => (given[0] === storageKey ? okAsync(half()) : open(...given))
    expect(await at.move()).toMatchObject({
      media: KEYS - 1,
      failures: [{ reason: 'unavailable', cause: silent.cause }],
    })
    expect(await at.files()).toEqual({ old: 1, new: KEYS - 1 })
  })

  it('lets go of the file that it was to be given', async () => {
    const at = await several()
    let released = 0
    const end = async () => ({ done: true, value: undefined }) as const
    at.old.open = () => okAsync({ [Symbol.asyncIterator]: () => ({ next: end, return: () => (released++, end()) }) })
    at.target.put = () => errAsync(silent)
    expect((await at.mediaport.moveMedia(MOVE)).isErr()).toBe(true)
    expect(released).toBe(4)
  })

  it('about four in a row is asked no more', async () => {
    const at = await several()
    let puts = 0
    at.target.put = () => {
      puts++
      return errAsync(silent)
    }
    expect((await at.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(silent)
    expect([puts, await at.files()]).toEqual([4, { old: KEYS, new: 0 }])
  })
})

describe('A commit that nobody answered', () => {
  it.each([
    ['was done', true, { old: 0, new: 1 }],
    ['was not', false, { old: 1, new: 0 }],
  ])('and that %s leaves one whole file once the jobs are done', async (_, isDone, files) => {
    let before = Number.POSITIVE_INFINITY
    const wrapMedia = (media: MediaRepository): MediaRepository =>
      over(media, {
        update: (id, change) => {
          if (before-- !== 0) return media.update(id, change)
          return isDone ? media.update(id, change).andThen(() => errAsync(down)) : errAsync(down)
        },
      })
    const at = start({ wrapMedia })
    const { id } = await at.upload({ bytes })
    before = 1
    expect((await at.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(down)
    expect(await at.files()).toEqual({ old: 1, new: 1 })
    await workOff(at)
    expect(await at.files()).toEqual(files)
    expect(bytes.equals(await at.content(id))).toBe(true)
  })

  it('is not given once others may take the copy for left behind', async () => {
    let seconds = 0
    const wrapMedia = (media: MediaRepository): MediaRepository =>
      over(media, {
        update: (id, change) => media.update(id, (row, now) => change(row, leaseFrom(now, seconds))),
      })
    const at = start({ wrapMedia, policy: { leaseSeconds: 60 } })
    await at.upload()
    at.target.put = instead(at.target.put.bind(at.target), () => (seconds = 600))
    expect(await at.move()).toMatchObject({ media: 0 })
    expect(await at.files()).toEqual({ old: 1, new: 0 })
  })
})

describe('A reader', () => {
  it('who asked for the bytes before they were moved gets them', async () => {
    const at = start()
    const { id } = await at.upload({ bytes })
    const open = at.old.open.bind(at.old)
    at.old.open = (...given) => {
      at.old.open = open
      return new ResultAsync(at.move().then(async () => open(...given)))
    }
    const content = (await at.mediaport.openContent(id))._unsafeUnwrap()
    const body = (await content.open())._unsafeUnwrap()
    expect(bytes.equals(await collect(body))).toBe(true)
    expect(await at.row()).toMatchObject({ storage: 'new' })
  })
})
