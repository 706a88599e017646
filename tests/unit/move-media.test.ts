import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { jobsOf } from '../../src/application/jobs.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { FileRef } from '../../src/domain/media/media.ts'
import { leaseFrom } from '../../src/domain/media/transitions.ts'
import { collect, inChunks, pngOf } from '../samples.ts'
import { createWorld, down, override, type WorldOptions } from './world.ts'

const MOVE = { from: 'old', to: 'new' }
const bytes = pngOf(10_000)

/** Creates a world with a storage `old` for uploads, and an empty storage `new`. */
function start(options: WorldOptions = {}) {
  const source = override<FileStorage>(new MemoryFileStorage(), { name: 'old' })
  const target = override<FileStorage>(new MemoryFileStorage(), { name: 'new' })
  const world = createWorld({ ...options, ports: { storages: [source, target] } })
  const count = async (storage: FileStorage) => (await storage.list())._unsafeUnwrap().length
  return {
    ...world,
    source,
    target,
    files: async () => ({ old: await count(source), new: await count(target) }),
    move: async (isTrial = false) => (await world.mediaport.moveMedia({ ...MOVE, isTrial }))._unsafeUnwrap(),
  }
}

/** Returns a `put` that runs `sideEffect` after writing and before its result. */
const withSideEffect =
  (put: FileStorage['put'], sideEffect: () => unknown): FileStorage['put'] =>
  (...args) =>
    put(...args).andThen((file) => ResultAsync.fromSafePromise(Promise.resolve(sideEffect()).then(() => file)))

/** Runs the jobs of all events at once, without their delays. */
async function runJobs({ events, mediaport }: ReturnType<typeof start>) {
  for (const event of events) for (const job of jobsOf(event)) (await mediaport.work(job))._unsafeUnwrap()
}

describe('Moving media items to another storage', () => {
  it('keeps the bytes and their metadata, and empties the old storage', async () => {
    const world = start()
    const before = [await world.upload({ bytes }), await world.upload({ title: 'B' })]
    await runJobs(world)
    expect(await world.move()).toEqual({ media: 2, bytes: 10_000 + (before[1]?.sizeBytes ?? 0), failures: [] })
    expect(await world.files()).toEqual({ old: 0, new: 2 })
    expect(bytes.equals(await world.content(before[0]?.id ?? ''))).toBe(true)
    for (const media of before) {
      const { storage, storageKey, fileId, version, ...same } = (
        await world.mediaport.getMedia(media.id, { owner: EVERYONE })
      )._unsafeUnwrap()
      expect(media).toMatchObject(same)
      expect({ storage, version, fileId }).toEqual({ storage: 'new', version: 2, fileId: storageKey })
      expect((await world.mediaport.readMetadata(media.id, { owner: EVERYONE }))._unsafeUnwrap().status).not.toBe(
        'pending',
      )
    }
    await runJobs(world)
    expect(await world.files()).toEqual({ old: 0, new: 2 })
    expect((await world.mediaport.doctor.examine({ jobsMs: 0 }))._unsafeUnwrap().findings).toEqual([])
  })

  it('changes nothing the second time, in a trial, or from a storage to itself', async () => {
    const world = start()
    await world.upload()
    expect(await world.move(true)).toMatchObject({ media: 1 })
    expect(await world.files()).toEqual({ old: 1, new: 0 })
    await world.move()
    const events = world.events.length
    expect(await world.move()).toMatchObject({ media: 0, failures: [] })
    expect((await world.mediaport.moveMedia({ from: 'new', to: 'new' }))._unsafeUnwrap()).toMatchObject({ media: 0 })
    expect(world.events).toHaveLength(events)
  })

  it('fails for an unknown storage', async () => {
    const result = await start().mediaport.moveMedia({ from: 'old', to: 'elsewhere' })
    expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'storage' })
  })

  it('emits an event for a copy before its first byte', async () => {
    const world = start()
    await world.upload()
    world.target.put = () => errAsync(down)
    expect((await world.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(down)
    expect(world.events.at(-1)).toMatchObject({ type: 'copy-started', storage: 'new', decidedSeconds: 1200 })
  })

  it('leaves no file of a media item that is deleted during its move', async () => {
    const world = start()
    const { id } = await world.upload()
    world.target.put = withSideEffect(world.target.put.bind(world.target), () =>
      world.mediaport.deleteMedia(id, { owner: EVERYONE }),
    )
    expect(await world.move()).toEqual({ media: 0, bytes: 0, failures: [] })
    expect((await world.row()).state).toBe('deleted')
    expect(await world.files()).toEqual({ old: 0, new: 0 })
  })

  it('does not change a media item that is replaced during its move by an upload with the same key', async () => {
    const world = start()
    const other = pngOf(20_000, 'other')
    const send = async (content: Uint8Array) =>
      (
        await world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(content), key: 'k' })
      )._unsafeUnwrap()
    const { id, attempt } = await send(bytes)
    world.target.put = withSideEffect(world.target.put.bind(world.target), async () => {
      await world.mediaport.deleteMedia(id, { owner: EVERYONE })
      await runJobs(world)
      await world.media.forget(id, attempt)
      await send(other)
    })
    expect(await world.move()).toMatchObject({ media: 0 })
    const expected = { storage: 'old', version: 1, sizeBytes: 20_000 }
    expect((await world.mediaport.getMedia(id, { owner: EVERYONE }))._unsafeUnwrap()).toMatchObject(expected)
    expect(other.equals(await world.content(id))).toBe(true)
    expect(await world.files()).toEqual({ old: 1, new: 0 })
  })

  it('keeps a title that is changed during the move', async () => {
    const world = start()
    const { id } = await world.upload()
    world.target.put = withSideEffect(world.target.put.bind(world.target), () =>
      world.mediaport.changeMedia(id, { owner: EVERYONE, title: 'New' }),
    )
    expect(await world.move()).toMatchObject({ media: 1 })
    expect(await world.row()).toMatchObject({ title: 'New', storage: 'new', version: 3 })
  })
})

describe('A media item that cannot be moved stays in its storage', () => {
  it.each<[string, (world: ReturnType<typeof start>, place: FileRef) => unknown]>([
    ['file-missing', (world, { storageKey }) => world.source.delete(storageKey)],
    ['file-damaged', (world) => (world.source.open = () => okAsync(inChunks(pngOf(10_000, 'another'))))],
    ['storage-error', (world) => (world.target.put = () => errAsync({ type: 'storage-error', cause: 'no' }))],
    [
      'insufficient-storage',
      (world) => (world.target.put = () => errAsync({ type: 'insufficient-storage', cause: 'no' })),
    ],
  ])('and is reported as %s', async (reason, damage) => {
    const world = start()
    const media = await world.upload({ bytes })
    await damage(world, media)
    const cause = reason.startsWith('file') ? {} : { cause: 'no' }
    const failures = [{ type: 'not-moved', id: media.id, reason, ...cause }]
    expect(await world.move()).toEqual({ media: 0, bytes: 0, failures })
    expect(await world.row()).toMatchObject({ storage: 'old', version: 1 })
    expect((await world.files()).new).toBe(0)
  })
})

describe('A storage that does not answer during a move', () => {
  const KEYS = 6
  const outage = unavailable('storage')(new Error('EIO'))
  async function startWithSix() {
    const world = start()
    const media: Awaited<ReturnType<typeof world.upload>>[] = []
    for (let n = 0; n < KEYS; n++) media.push(await world.upload({ bytes: pngOf(1000, String(n)) }))
    return { ...world, media }
  }

  it('for one file does not prevent the move of the others', async () => {
    const world = await startWithSix()
    const { id, storageKey } = world.media[2] ?? (await world.row())
    const open = world.source.open.bind(world.source)
    world.source.open = (...args) => (args[0] === storageKey ? errAsync(outage) : open(...args))
    const failures = [{ type: 'not-moved', id, reason: 'unavailable', cause: outage.cause }]
    expect(await world.move()).toEqual({ media: KEYS - 1, bytes: 1000 * (KEYS - 1), failures })
    world.source.open = open
    expect(await world.move()).toMatchObject({ media: 1, failures: [] })
    expect(await world.files()).toEqual({ old: 0, new: KEYS })
  })

  it('in the middle of a file does not prevent the move of the others', async () => {
    const world = await startWithSix()
    const { storageKey } = world.media[5] ?? (await world.row())
    const open = world.source.open.bind(world.source)
    async function* half() {
      yield pngOf(500)
      throw outage.cause
    }
    world.source.open = (...args) => (args[0] === storageKey ? okAsync(half()) : open(...args))
    expect(await world.move()).toMatchObject({
      media: KEYS - 1,
      failures: [{ reason: 'unavailable', cause: outage.cause }],
    })
    expect(await world.files()).toEqual({ old: 1, new: KEYS - 1 })
  })

  it('does not leave the source files open', async () => {
    const world = await startWithSix()
    let returnCalls = 0
    const end = async () => ({ done: true, value: undefined }) as const
    world.source.open = () =>
      okAsync({ [Symbol.asyncIterator]: () => ({ next: end, return: () => (returnCalls++, end()) }) })
    world.target.put = () => errAsync(outage)
    expect((await world.mediaport.moveMedia(MOVE)).isErr()).toBe(true)
    expect(returnCalls).toBe(4)
  })

  it('for four files in a row ends the move', async () => {
    const world = await startWithSix()
    let putCount = 0
    world.target.put = () => {
      putCount++
      return errAsync(outage)
    }
    expect((await world.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(outage)
    expect([putCount, await world.files()]).toEqual([4, { old: KEYS, new: 0 }])
  })
})

describe('The commit of a move', () => {
  it.each([
    ['was done', true, { old: 0, new: 1 }],
    ['was not done', false, { old: 1, new: 0 }],
  ])('leaves one complete file after the jobs if its answer is lost and it %s', async (_, isDone, files) => {
    let updatesLeft = Number.POSITIVE_INFINITY
    const wrapMedia = (media: MediaRepository): MediaRepository =>
      override(media, {
        update: (id, change) => {
          if (updatesLeft-- !== 0) return media.update(id, change)
          return isDone ? media.update(id, change).andThen(() => errAsync(down)) : errAsync(down)
        },
      })
    const world = start({ wrapMedia })
    const { id } = await world.upload({ bytes })
    updatesLeft = 1
    expect((await world.mediaport.moveMedia(MOVE))._unsafeUnwrapErr()).toEqual(down)
    expect(await world.files()).toEqual({ old: 1, new: 1 })
    await runJobs(world)
    expect(await world.files()).toEqual(files)
    expect(bytes.equals(await world.content(id))).toBe(true)
  })

  it('is not made after the time at which other processes may discard the copy', async () => {
    let seconds = 0
    const wrapMedia = (media: MediaRepository): MediaRepository =>
      override(media, {
        update: (id, change) => media.update(id, (row, now) => change(row, leaseFrom(now, seconds))),
      })
    const world = start({ wrapMedia, policy: { leaseSeconds: 60 } })
    await world.upload()
    world.target.put = withSideEffect(world.target.put.bind(world.target), () => (seconds = 600))
    expect(await world.move()).toMatchObject({ media: 0 })
    expect(await world.files()).toEqual({ old: 1, new: 0 })
  })
})

describe('A reader of a moved media item', () => {
  it('gets the bytes if the move ends between the lookup and the open', async () => {
    const world = start()
    const { id } = await world.upload({ bytes })
    const open = world.source.open.bind(world.source)
    world.source.open = (...args) => {
      world.source.open = open
      return new ResultAsync(world.move().then(async () => open(...args)))
    }
    const content = (await world.mediaport.openContent(id, { owner: EVERYONE }))._unsafeUnwrap()
    const body = (await content.open())._unsafeUnwrap()
    expect(bytes.equals(await collect(body))).toBe(true)
    expect(await world.row()).toMatchObject({ storage: 'new' })
  })
})
