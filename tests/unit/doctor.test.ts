import { errAsync, ok, okAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DoctorOptions, examine } from '../../src/adapters/cli/doctor-command.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { jobsOf } from '../../src/application/jobs.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt, MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { PNG, pngOf } from '../samples.ts'
import { noJobsInMemory } from '../support/no-jobs.ts'
import { createCrashedUpload, createWorld, down, override, putFile, type World } from './world.ts'

const DAY = 24 * 3600

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const advance = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000)
const findings = async ({ mediaport }: Pick<World, 'mediaport'>) =>
  (await mediaport.doctor.examine({ jobsMs: 0 }))._unsafeUnwrap().findings

/** Runs the command and returns its exit status and its output. */
async function runDoctor({ mediaport }: Pick<World, 'mediaport'>, options: DoctorOptions = {}) {
  const output: string[] = []
  vi.spyOn(console, 'log').mockImplementation((text) => void output.push(text))
  vi.spyOn(console, 'error').mockImplementation((text) => void output.push(text))
  const status = await examine(mediaport.doctor, { ...options, jobsMs: 0 })
  return { status, text: output.join('\n'), json: () => JSON.parse(output.join('\n')) }
}

/** Returns a function that runs the jobs of all events since its last call. */
function jobRunner(world: World) {
  let done = 0
  return async () => {
    for (const event of world.events.slice(done)) for (const job of jobsOf(event)) await world.mediaport.work(job)
    done = world.events.length
  }
}

describe('The doctor', () => {
  it('reports a file that is not listed only after five minutes', async () => {
    const world = createWorld({ wrapStorage: (storage) => override(storage, { list: () => okAsync([]) }) })
    const { id } = await world.upload()
    expect(await findings(world)).toEqual([])
    advance(301)
    expect(await findings(world)).toMatchObject([{ problem: 'file-missing', id }])
  })

  it('reports nothing if rows, files, documents and titles agree, in every state', async () => {
    const world = createWorld()
    await world.upload()
    const runNewJobs = jobRunner(world)
    await world.mediaport.deleteMedia((await world.upload()).id, { owner: EVERYONE })
    await runNewJobs()
    await createCrashedUpload(world)
    expect((await world.mediaport.doctor.examine({ jobsMs: 0 }))._unsafeUnwrap()).toEqual({
      findings: [],
      rows: 3,
      files: 2,
      documents: 1,
      titles: 1,
    })
    expect(await runDoctor(world)).toMatchObject({
      status: 0,
      text: '3 rows, 2 files, 1 documents, 1 titles, 0 findings',
    })
  })

  it('does not report a media item that was deleted a minute ago', async () => {
    const world = createWorld()
    await world.mediaport.deleteMedia((await world.upload()).id, { owner: EVERYONE })
    advance(60)
    expect(await findings(world)).toEqual([])
  })

  it('reports a missing file', async () => {
    const world = createWorld()
    const [media] = [await world.upload(), await world.upload()]
    await world.storage.delete(media.storageKey)
    const { id, storage, storageKey } = media
    expect(await findings(world)).toEqual([{ problem: 'file-missing', id, storage, storageKey, detail: '67 bytes' }])
    const { status, text } = await runDoctor(world, { repair: true })
    expect(status).toBe(1)
    expect(text).toContain(`file-missing           ${storageKey}  67 bytes  only a backup can have its file`)
  })

  it('reports a truncated file', async () => {
    const world = createWorld()
    const { id, storage, storageKey } = await world.upload({ bytes: pngOf(9000) })
    await world.storage.delete(storageKey)
    await putFile(world.storage, storageKey, pngOf(9000).subarray(0, 8999))
    expect(await findings(world)).toEqual([
      { problem: 'file-of-another-size', id, storage, storageKey, detail: '8999 of 9000 bytes' },
    ])
  })

  it('reports an upload whose lease expired five minutes ago, and abandons it with --repair', async () => {
    const world = createWorld()
    const { id, storage, storageKey, leaseExpiresAt } = await createCrashedUpload(world)
    advance(60 + 299)
    expect(await findings(world)).toEqual([])
    advance(2)
    const detail = `since ${leaseExpiresAt.toISOString()}`
    expect(await findings(world)).toEqual([{ problem: 'upload-stuck', id, storage, storageKey, detail }])
    expect((await runDoctor(world, { repair: true })).text).toContain('abandoned')
    expect((await world.rows()).map(({ state }) => state)).toEqual(['abandoned'])
  })

  it('does not report an old media item that is deleted and discarded during the examination', async () => {
    const list = vi.fn<FileStorage['list']>()
    const world = createWorld({ wrapStorage: (storage) => override(storage, { list }) })
    const { id } = await world.upload()
    const runNewJobs = jobRunner(world)
    await runNewJobs()
    advance(DAY)
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    list.mockImplementationOnce((after) => world.storage.list(after).map(async (files) => (await runNewJobs(), files)))
    list.mockImplementation((after) => world.storage.list(after))
    expect(await runDoctor(world)).toMatchObject({ status: 0, text: expect.stringContaining('0 findings') })
  })

  it('opens a file that was moved just now, because lists may not contain it yet', async () => {
    const target = override<FileStorage>(new MemoryFileStorage(), { name: 'other', list: () => okAsync([]) })
    const [memory] = memoryPorts().storages
    const world = createWorld({ ports: { storages: [memory, target] } })
    await world.upload()
    await jobRunner(world)()
    advance(DAY)
    await world.mediaport.moveMedia({ from: 'memory', to: 'other' })
    expect((await findings(world)).filter(({ problem }) => problem === 'file-missing')).toEqual([])
  })

  it('reports the rows of a storage that is not configured, and examines the others', async () => {
    const world = createWorld()
    const { id, storage, storageKey } = await world.upload()
    const abandoned = await createCrashedUpload(world)
    const elsewhere = createMediaport({
      ...memoryPorts(),
      media: world.media,
      storages: [override<FileStorage>(new MemoryFileStorage(), { name: 'b' })],
    })
    const body = (async function* () {
      yield PNG
    })()
    const lost = (await elsewhere.uploadMedia({ owner: 'me', filename: 'a.png', body }))._unsafeUnwrap()
    const { storageKey: lostKey } = (await world.rows()).find((row) => row.id === lost.id) ?? { storageKey: '' }
    advance(DAY)
    const { status, json } = await runDoctor({ mediaport: elsewhere }, { repair: true, json: true })
    const unknown = { problem: 'unknown-storage', storage, detail: 'memory is not configured here' }
    expect(status).toBe(1)
    expect(json().findings).toMatchObject([
      { ...unknown, id, storageKey, mended: 'only that storage has its file' },
      { ...unknown, id: abandoned.id, mended: 'only that storage has its file' },
      { problem: 'never-described', storageKey: lostKey },
    ])
    expect((await world.rows()).map(({ state }) => state).toSorted()).toEqual(['receiving', 'stored', 'stored'])
  })

  it.each(['abandoned', 'deleted'] as const)(
    'reports a media item that was %s and never discarded, and repeats its jobs with --repair',
    async (state) => {
      const world = createWorld()
      const { id, attempt, storageKey } = state === 'deleted' ? await world.upload() : await createCrashedUpload(world)
      if (state === 'deleted') await world.mediaport.deleteMedia(id, { owner: EVERYONE })
      else await world.media.update(id, (row) => abandon(row, attempt))
      const runNewJobs = jobRunner(world)
      advance(3600)
      const eventCount = world.events.length
      expect(await findings(world)).toEqual([
        { problem: 'never-discarded', id, storage: 'memory', storageKey, detail: state },
      ])
      expect(world.events).toHaveLength(eventCount)
      const { status, text } = await runDoctor(world, { repair: true })
      expect([status, text]).toEqual([1, expect.stringContaining('its jobs are added again')])
      expect(world.events.slice(eventCount)).toMatchObject([{ type: `media-${state}`, id, storageKey }])
      await runNewJobs()
      expect(await findings(world)).toEqual([])
      expect(await world.files()).toBe(0)
    },
  )

  it('reports a file that was written after its key had been discarded', async () => {
    const world = createWorld()
    const { id, storageKey } = await world.upload()
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    await world.mediaport.reapUploads()
    await putFile(world.storage, storageKey)
    advance(301)
    expect(await findings(world)).toMatchObject([
      { problem: 'never-discarded', id, detail: '67 bytes were written after it was deleted' },
    ])
  })

  it('reports a file without a row only after `forgetAfterSeconds`', async () => {
    const world = createWorld({ policy: { forgetAfterSeconds: DAY } })
    await putFile(world.storage, 'stray' as StorageKey)
    advance(DAY - 1)
    expect(await findings(world)).toEqual([])
    advance(2)
    expect(await findings(world)).toEqual([
      { problem: 'unknown-file', id: 'stray', storage: 'memory', storageKey: 'stray', detail: '67 bytes' },
    ])
  })

  it('reports a media item without a document, and repeats its jobs with --repair', async () => {
    const world = createWorld()
    const { id, attempt, storage, storageKey } = await world.upload()
    const runNewJobs = jobRunner(world)
    advance(299)
    expect(await findings(world)).toEqual([])
    advance(2)
    expect(await findings(world)).toEqual([{ problem: 'never-described', id, storage, storageKey, detail: '' }])
    await runDoctor(world, { repair: true })
    expect(world.events.at(-1)).toEqual({ type: 'media-stored', id, attempt })
    await runNewJobs()
    expect(await findings(world)).toEqual([])
  })

  it('reports documents that belong to no row, and removes them with --repair', async () => {
    const world = createWorld()
    const { id } = await world.upload()
    await jobRunner(world)()
    const unknownId = 'ffffffff-0000-7000-8000-000000000000' as MediaId
    const other = 'fedcba9876543210' as Attempt
    for (const mediaId of [unknownId, id]) await world.metadata.save(mediaId, other, { status: 'none', tags: {} })
    expect(await findings(world)).toEqual([
      { problem: 'unknown-document', id, attempt: other, detail: 'the media item is stored' },
      { problem: 'unknown-document', id: unknownId, attempt: other, detail: 'no media item' },
    ])
    expect((await runDoctor(world, { repair: true })).text).toContain(
      `unknown-document       ${unknownId}  no media item  removed`,
    )
    expect(await findings(world)).toEqual([])
  })

  it('reports cached titles that differ from the rows, and removes them with --repair', async () => {
    const world = createWorld()
    const media = await world.upload()
    await jobRunner(world)()
    const unknownId = 'ffffffff-0000-7000-8000-000000000000' as MediaId
    await world.titles.put(media.id, { ...media, version: 7 })
    await world.titles.put(unknownId, media)
    expect(await findings(world)).toEqual([
      { problem: 'wrong-title', id: media.id, version: 7, detail: 'version 7 of 1' },
      { problem: 'wrong-title', id: unknownId, version: 1, detail: 'no media item' },
    ])
    await runDoctor(world, { repair: true })
    expect(await findings(world)).toEqual([])
    expect((await world.mediaport.readTitle(media.id, { owner: EVERYONE }))._unsafeUnwrap().title).toBe(media.title)
  })

  it('repairs nothing if the row was forgotten in between', async () => {
    const world = createWorld()
    const media = await world.upload()
    await world.mediaport.deleteMedia(media.id, { owner: EVERYONE })
    const finding = { ...media, problem: 'never-discarded', detail: '' } as const
    await world.media.forget(media.id, media.attempt)
    expect((await world.mediaport.doctor.repair(finding)).isOk()).toBe(true)
  })

  it('does not report a media item that is deleted during the examination', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          list: (after) =>
            storage.list(after).map(async (files) => {
              for (const row of await world.rows()) await world.mediaport.deleteMedia(row.id, { owner: EVERYONE })
              await world.mediaport.reapUploads()
              return files.filter(() => false)
            }),
        }),
    })
    await world.upload()
    expect(await findings(world)).toEqual([])
  })

  it('does not report a file whose upload ends during the examination', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, { list: (after) => storage.list(after).map(async (files) => (await world.upload(), files)) }),
    })
    expect((await findings(world)).filter(({ problem }) => problem !== 'file-missing')).toEqual([])
  })

  it('examines every page of rows and files', async () => {
    const world = createWorld()
    for (let n = 0; n < 1005; n++) await world.upload()
    const last = (await world.storage.list())._unsafeUnwrap().at(-1)
    await world.storage.delete(last?.key ?? ('' as StorageKey))
    const examination = (await world.mediaport.doctor.examine({ jobsMs: 0 }))._unsafeUnwrap()
    expect(examination).toMatchObject({ rows: 1005, files: 1004, findings: [{ problem: 'file-missing' }] })
  })

  it.each<[string, Parameters<typeof createWorld>[0], RegExp]>([
    [
      'database',
      { wrapMedia: (media) => override(media, { scan: () => errAsync(down) }) },
      /^The database does not answer/,
    ],
    [
      'storage',
      {
        wrapStorage: (storage) =>
          override(storage, { list: () => errAsync(unavailable('storage')(new Error('away'))) }),
      },
      /^The file storage does not answer/,
    ],
  ])('fails with a message if the %s does not answer', async (_, options, message) => {
    const { status, text } = await runDoctor(createWorld(options))
    expect(status).toBe(1)
    expect(text).toMatch(message)
  })
})

describe('Files without a row', () => {
  const old = 'ffffffff-0000-7000-8000-000000000000.0123456789abcdef' as StorageKey

  /** Creates `count` media items, an old file without a row and a new one. */
  async function createWorldWithUnknownFile(count: number) {
    const world = createWorld({ policy: { forgetAfterSeconds: DAY } })
    await putFile(world.storage, old)
    for (let n = 0; n < count; n++) await world.upload()
    await jobRunner(world)()
    advance(DAY + 1)
    await putFile(world.storage, 'young' as StorageKey)
    return world
  }

  it.each<DoctorOptions>([{}, { repair: true }, { deleteUnknown: true }, { deleteUnknown: true, yes: true }])(
    'are kept with the options %j',
    async (options) => {
      const world = await createWorldWithUnknownFile(200)
      const { status, text } = await runDoctor(world, options)
      expect([status, text]).toEqual([1, expect.stringContaining(`unknown-file           ${old}`)])
      expect(await world.files()).toBe(202)
    },
  )

  it('are deleted with --repair --delete-unknown, except new ones', async () => {
    const world = await createWorldWithUnknownFile(200)
    const { json } = await runDoctor(world, { repair: true, deleteUnknown: true, json: true })
    expect(json()).toMatchObject({ rows: 200, files: 202, findings: [{ problem: 'unknown-file', mended: 'deleted' }] })
    expect((await world.storage.list())._unsafeUnwrap().map(({ key }) => key)).toContain('young')
    expect(await world.files()).toBe(201)
    expect(await runDoctor(world)).toMatchObject({ status: 0 })
  })

  it('are kept if they are more than 1 % of all files, except with --yes', async () => {
    const world = await createWorldWithUnknownFile(50)
    const output = await runDoctor(world, { repair: true, deleteUnknown: true })
    expect(output.text).toContain('kept; 1 of 52 files are unknown, so this may be the wrong database.')
    expect(await world.files()).toBe(52)
    await runDoctor(world, { repair: true, deleteUnknown: true, yes: true })
    expect(await world.files()).toBe(51)
  })

  it('are not deleted if a row needs them after all', async () => {
    const world = createWorld()
    const media = await world.upload()
    expect((await world.mediaport.doctor.deleteUnknown(media, { findings: [], files: 1 })).isOk()).toBe(true)
    expect(PNG.equals(await world.content(media.id))).toBe(true)
  })

  it('are kept if the database was restored from an older backup', async () => {
    const yesterday = createWorld({ policy: { forgetAfterSeconds: DAY } })
    for (let n = 0; n < 20; n++) await yesterday.upload()
    const backup = await yesterday.rows()
    for (let n = 0; n < 20; n++) await yesterday.upload()
    const restored = await restoreBackup(backup, yesterday.storage)
    advance(2 * DAY)
    const { status, text } = await runDoctor(restored, { repair: true, deleteUnknown: true })
    expect(status).toBe(1)
    expect(text).toContain('kept; 20 of 40 files are unknown')
    expect(text).not.toMatch(/\bdeleted\b(?! it)/)
    expect(await yesterday.files()).toBe(40)
  })

  it('are kept if the database is empty', async () => {
    const before = createWorld({ policy: { forgetAfterSeconds: DAY } })
    await before.upload()
    const restored = await restoreBackup([], before.storage)
    advance(2 * DAY)
    expect((await runDoctor(restored, { repair: true, deleteUnknown: true })).text).toContain('kept; 1 of 1 files')
    expect(await before.files()).toBe(1)
  })
})

/** Creates the use cases over the rows of a backup and an existing storage. */
async function restoreBackup(backup: readonly Media[], storage: FileStorage) {
  const media = new MemoryMediaRepository(noJobsInMemory)
  for (const row of backup) {
    await media.add(row, 60)
    await media.update(row.id, () => ok({ media: row, events: [] }))
  }
  return { mediaport: createMediaport({ ...memoryPorts(), media, storages: [storage] }, { forgetAfterSeconds: DAY }) }
}
