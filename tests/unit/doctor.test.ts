import { errAsync, ok, okAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DoctorOptions, examine } from '../../src/adapters/cli/doctor-command.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { jobsOf } from '../../src/application/jobs.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { Attempt, MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { PNG, pngOf } from '../samples.ts'
import { noJobsInMemory } from '../support/no-jobs.ts'
import { dieReceiving, keep } from './leftovers.ts'
import { down, over, type World, world } from './world.ts'

const DAY = 24 * 3600

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const pass = (seconds: number) => void vi.setSystemTime(Date.now() + seconds * 1000)
const findings = async ({ mediaport }: Pick<World, 'mediaport'>) =>
  (await mediaport.doctor.examine())._unsafeUnwrap().findings
const rows = async ({ media }: World): Promise<readonly Media[]> => (await media.scan(undefined, 1000))._unsafeUnwrap()

/** The command, with what it printed. */
async function command({ mediaport }: Pick<World, 'mediaport'>, options: DoctorOptions = {}) {
  const printed: string[] = []
  vi.spyOn(console, 'log').mockImplementation((text) => void printed.push(text))
  vi.spyOn(console, 'error').mockImplementation((text) => void printed.push(text))
  const status = await examine(mediaport.doctor, options, 0)
  return { status, text: printed.join('\n'), json: () => JSON.parse(printed.join('\n')) }
}

/** Does the jobs of all that was told since the last time. */
function workers(at: World) {
  let done = 0
  return async () => {
    for (const event of at.told.slice(done)) for (const job of jobsOf(event)) await at.mediaport.work(job)
    done = at.told.length
  }
}

describe('the doctor', () => {
  it('finds nothing wrong with a file that lists do not show yet, but with one that they have lost', async () => {
    const at = world({ wrapStorage: (storage) => over(storage, { list: () => okAsync([]) }) })
    const { id } = await at.upload()
    expect(await findings(at)).toEqual([])
    pass(301)
    expect(await findings(at)).toMatchObject([{ problem: 'file-missing', id }])
  })

  it('finds nothing where all is well, in every state of the life', async () => {
    const at = world()
    await at.upload()
    const work = workers(at)
    await at.mediaport.deleteMedia((await at.upload()).id)
    await work()
    await dieReceiving(at)
    expect((await at.mediaport.doctor.examine())._unsafeUnwrap()).toEqual({
      findings: [],
      rows: 3,
      files: 2,
      documents: 1,
      titles: 1,
    })
    expect(await command(at)).toMatchObject({ status: 0, text: '3 rows, 2 files, 1 documents, 1 titles, 0 findings' })
  })

  it('finds nothing wrong with what was deleted or given up just now', async () => {
    const at = world()
    await at.mediaport.deleteMedia((await at.upload()).id)
    pass(60)
    expect(await findings(at)).toEqual([])
  })

  it('finds a file that was removed', async () => {
    const at = world()
    const [media] = [await at.upload(), await at.upload()]
    await at.storage.delete(media.storageKey)
    const { id, storage, storageKey } = media
    expect(await findings(at)).toEqual([{ problem: 'file-missing', id, storage, storageKey, detail: '67 bytes' }])
    const { status, text } = await command(at, { repair: true })
    expect(status).toBe(1)
    expect(text).toContain(`file-missing           ${storageKey}  67 bytes  only a backup has it`)
  })

  it('finds a file that was cut off', async () => {
    const at = world()
    const { id, storage, storageKey } = await at.upload({ bytes: pngOf(9000) })
    await at.storage.delete(storageKey)
    await keep(at.storage, storageKey, pngOf(9000).subarray(0, 8999))
    expect(await findings(at)).toEqual([
      { problem: 'file-of-another-size', id, storage, storageKey, detail: '8999 of 9000 bytes' },
    ])
  })

  it('finds an upload that nobody put away', async () => {
    const at = world()
    const { id, storage, storageKey, leaseExpiresAt } = await dieReceiving(at)
    pass(60 + 299)
    expect(await findings(at)).toEqual([])
    pass(2)
    const detail = `since ${leaseExpiresAt.toISOString()}`
    expect(await findings(at)).toEqual([{ problem: 'upload-stuck', id, storage, storageKey, detail }])
    expect((await command(at, { repair: true })).text).toContain('put away')
    expect((await rows(at)).map(({ state }) => state)).toEqual(['abandoned'])
  })

  it('does not blame a media of long ago whose bytes are just on their way out', async () => {
    const list = vi.fn<FileStorage['list']>()
    const at = world({ wrapStorage: (storage) => over(storage, { list }) })
    const { id } = await at.upload()
    const work = workers(at)
    await work()
    pass(DAY)
    await at.mediaport.deleteMedia(id)
    list.mockImplementationOnce((after) => at.storage.list(after).map(async (files) => (await work(), files)))
    list.mockImplementation((after) => at.storage.list(after))
    expect(await command(at)).toMatchObject({ status: 0, text: expect.stringContaining('0 findings') })
  })

  it('looks itself for a file that was moved just now, for lists may not know of it yet', async () => {
    const target = over<FileStorage>(new MemoryFileStorage(), { name: 'other', list: () => okAsync([]) })
    const [memory] = memoryPorts().storages
    const at = world({ ports: { storages: [memory, target] } })
    await at.upload()
    await workers(at)()
    pass(DAY)
    await at.mediaport.moveMedia({ from: 'memory', to: 'other' })
    expect((await findings(at)).filter(({ problem }) => problem === 'file-missing')).toEqual([])
  })

  it('names what is at a storage that it was not given, and goes on with the rest', async () => {
    const at = world()
    const { id, storage, storageKey } = await at.upload()
    const abandoned = await dieReceiving(at)
    const elsewhere = createMediaport({
      ...memoryPorts(),
      media: at.media,
      storages: [over<FileStorage>(new MemoryFileStorage(), { name: 'b' })],
    })
    const body = (async function* () {
      yield PNG
    })()
    const lost = (await elsewhere.uploadMedia({ filename: 'a.png', body }))._unsafeUnwrap()
    const { storageKey: lostKey } = (await rows(at)).find((row) => row.id === lost.id) ?? { storageKey: '' }
    pass(DAY)
    const { status, json } = await command({ mediaport: elsewhere }, { repair: true, json: true })
    const unknown = { problem: 'unknown-storage', storage, detail: 'memory is not configured here' }
    expect(status).toBe(1)
    expect(json().findings).toMatchObject([
      { ...unknown, id, storageKey, mended: 'only its storage has it' },
      { ...unknown, id: abandoned.id, mended: 'only its storage has it' },
      { problem: 'never-described', storageKey: lostKey },
    ])
    expect((await rows(at)).map(({ state }) => state).toSorted()).toEqual(['receiving', 'stored', 'stored'])
  })

  it.each(['abandoned', 'deleted'] as const)('finds what was %s and never discarded, and mends it', async (state) => {
    const at = world()
    const { id, attempt, storageKey } = state === 'deleted' ? await at.upload() : await dieReceiving(at)
    if (state === 'deleted') await at.mediaport.deleteMedia(id)
    else await at.media.update(id, (row) => abandon(row, attempt))
    const work = workers(at)
    pass(3600)
    const lost = at.told.length
    expect(await findings(at)).toEqual([
      { problem: 'never-discarded', id, storage: 'memory', storageKey, detail: state },
    ])
    expect(at.told).toHaveLength(lost)
    const { status, text } = await command(at, { repair: true })
    expect([status, text]).toEqual([1, expect.stringContaining('its jobs are done again')])
    expect(at.told.slice(lost)).toMatchObject([{ type: `media-${state}`, id, storageKey }])
    await work()
    expect(await findings(at)).toEqual([])
    expect(await at.files()).toBe(0)
  })

  it('finds bytes that a late writer left under a key that had been discarded', async () => {
    const at = world()
    const { id, storageKey } = await at.upload()
    await at.mediaport.deleteMedia(id)
    await at.mediaport.reapUploads()
    await keep(at.storage, storageKey)
    pass(301)
    expect(await findings(at)).toMatchObject([
      { problem: 'never-discarded', id, detail: '67 bytes came after it was deleted' },
    ])
  })

  it('finds a file that no row knows only once it is older than anything on its way', async () => {
    const at = world({ policy: { forgetAfterSeconds: DAY } })
    await keep(at.storage, 'stray' as StorageKey)
    pass(DAY - 1)
    expect(await findings(at)).toEqual([])
    pass(2)
    expect(await findings(at)).toEqual([
      { problem: 'unknown-file', id: 'stray', storage: 'memory', storageKey: 'stray', detail: '67 bytes' },
    ])
  })

  it('finds a media that nobody described, and lets it be described', async () => {
    const at = world()
    const { id, attempt, storage, storageKey } = await at.upload()
    const work = workers(at)
    pass(299)
    expect(await findings(at)).toEqual([])
    pass(2)
    expect(await findings(at)).toEqual([{ problem: 'never-described', id, storage, storageKey, detail: '' }])
    await command(at, { repair: true })
    expect(at.told.at(-1)).toEqual({ type: 'media-stored', id, attempt })
    await work()
    expect(await findings(at)).toEqual([])
  })

  it('finds documents about bytes that no row names, and takes them out', async () => {
    const at = world()
    const { id } = await at.upload()
    await workers(at)()
    const stray = 'ffffffff-0000-7000-8000-000000000000' as MediaId
    const other = 'fedcba9876543210' as Attempt
    for (const of of [stray, id]) await at.metadata.save(of, other, { status: 'none', tags: {} })
    expect(await findings(at)).toEqual([
      { problem: 'unknown-document', id, attempt: other, detail: 'its media is stored' },
      { problem: 'unknown-document', id: stray, attempt: other, detail: 'no media' },
    ])
    expect((await command(at, { repair: true })).text).toContain(`unknown-document       ${stray}  no media  taken out`)
    expect(await findings(at)).toEqual([])
  })

  it('finds titles that are not those of the rows, and takes them out', async () => {
    const at = world()
    const media = await at.upload()
    await workers(at)()
    const stray = 'ffffffff-0000-7000-8000-000000000000' as MediaId
    await at.titles.put(media.id, { ...media, version: 7 })
    await at.titles.put(stray, media)
    expect(await findings(at)).toEqual([
      { problem: 'wrong-title', id: media.id, version: 7, detail: 'version 7 of 1' },
      { problem: 'wrong-title', id: stray, version: 1, detail: 'no media' },
    ])
    await command(at, { repair: true })
    expect(await findings(at)).toEqual([])
    expect((await at.mediaport.readTitle(media.id))._unsafeUnwrap().title).toBe(media.title)
  })

  it('mends no row that was forgotten meanwhile', async () => {
    const at = world()
    const media = await at.upload()
    await at.mediaport.deleteMedia(media.id)
    const finding = { ...media, problem: 'never-discarded', detail: '' } as const
    await at.media.forget(media.id, media.attempt)
    expect((await at.mediaport.doctor.repair(finding)).isOk()).toBe(true)
  })

  it('does not blame a media that was deleted while it looked', async () => {
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
          list: (after) =>
            storage.list(after).map(async (files) => {
              for (const row of await rows(at)) await at.mediaport.deleteMedia(row.id)
              await at.mediaport.reapUploads()
              return files.filter(() => false)
            }),
        }),
    })
    await at.upload()
    expect(await findings(at)).toEqual([])
  })

  it('does not blame a file whose upload ended while it looked', async () => {
    const at = world({
      wrapStorage: (storage) =>
        over(storage, { list: (after) => storage.list(after).map(async (files) => (await at.upload(), files)) }),
    })
    expect((await findings(at)).filter(({ problem }) => problem !== 'file-missing')).toEqual([])
  })

  it('looks into every page of both', async () => {
    const at = world()
    for (let n = 0; n < 1005; n++) await at.upload()
    const last = (await at.storage.list())._unsafeUnwrap().at(-1)
    await at.storage.delete(last?.key ?? ('' as StorageKey))
    const examination = (await at.mediaport.doctor.examine())._unsafeUnwrap()
    expect(examination).toMatchObject({ rows: 1005, files: 1004, findings: [{ problem: 'file-missing' }] })
  })

  it.each<[string, Parameters<typeof world>[0], RegExp]>([
    [
      'database',
      { wrapMedia: (media) => over(media, { scan: () => errAsync(down) }) },
      /^The database does not answer/,
    ],
    [
      'storage',
      {
        wrapStorage: (storage) => over(storage, { list: () => errAsync(unavailable('storage')(new Error('away'))) }),
      },
      /^The file storage does not answer/,
    ],
  ])('says when the %s does not answer', async (_, given, message) => {
    const { status, text } = await command(world(given))
    expect(status).toBe(1)
    expect(text).toMatch(message)
  })
})

describe('files that no row knows', () => {
  const old = 'ffffffff-0000-7000-8000-000000000000.0123456789abcdef' as StorageKey

  /** One of them among so many that rows know. */
  async function start(known: number) {
    const at = world({ policy: { forgetAfterSeconds: DAY } })
    await keep(at.storage, old)
    for (let n = 0; n < known; n++) await at.upload()
    await workers(at)()
    pass(DAY + 1)
    await keep(at.storage, 'young' as StorageKey)
    return at
  }

  it.each<DoctorOptions>([{}, { repair: true }, { deleteUnknown: true }, { deleteUnknown: true, yes: true }])(
    'stay where they are with %j',
    async (options) => {
      const at = await start(200)
      const { status, text } = await command(at, options)
      expect([status, text]).toEqual([1, expect.stringContaining(`unknown-file           ${old}`)])
      expect(await at.files()).toBe(202)
    },
  )

  it('are deleted when it is asked for, and the young ones are spared', async () => {
    const at = await start(200)
    const { json } = await command(at, { repair: true, deleteUnknown: true, json: true })
    expect(json()).toMatchObject({ rows: 200, files: 202, findings: [{ problem: 'unknown-file', mended: 'deleted' }] })
    expect((await at.storage.list())._unsafeUnwrap().map(({ key }) => key)).toContain('young')
    expect(await at.files()).toBe(201)
    expect(await command(at)).toMatchObject({ status: 0 })
  })

  it('are kept where they are more than 1 % of all, unless somebody says yes', async () => {
    const at = await start(50)
    const asked = await command(at, { repair: true, deleteUnknown: true })
    expect(asked.text).toContain('kept: 1 of 52 files are unknown; is this the right database?')
    expect(await at.files()).toBe(52)
    await command(at, { repair: true, deleteUnknown: true, yes: true })
    expect(await at.files()).toBe(51)
  })

  it('are never deleted when a row holds them after all', async () => {
    const at = world()
    const media = await at.upload()
    expect((await at.mediaport.doctor.deleteUnknown(media)).isOk()).toBe(true)
    expect(PNG.equals(await at.content(media.id))).toBe(true)
  })

  it('are not deleted for a database that was restored from yesterday', async () => {
    const yesterday = world({ policy: { forgetAfterSeconds: DAY } })
    for (let n = 0; n < 20; n++) await yesterday.upload()
    const backup = await rows(yesterday)
    for (let n = 0; n < 20; n++) await yesterday.upload()
    const restored = await restore(backup, yesterday.storage)
    pass(2 * DAY)
    const { status, text } = await command(restored, { repair: true, deleteUnknown: true })
    expect(status).toBe(1)
    expect(text).toContain('kept: 20 of 40 files are unknown')
    expect(text).not.toMatch(/\bdeleted\b(?! it)/)
    expect(await yesterday.files()).toBe(40)
  })

  it('of an empty database are not deleted either', async () => {
    const before = world({ policy: { forgetAfterSeconds: DAY } })
    await before.upload()
    const restored = await restore([], before.storage)
    pass(2 * DAY)
    expect((await command(restored, { repair: true, deleteUnknown: true })).text).toContain('kept: 1 of 1 files')
    expect(await before.files()).toBe(1)
  })
})

/** The use cases over these rows and this storage. */
async function restore(backup: readonly Media[], storage: FileStorage) {
  const media = new MemoryMediaRepository(noJobsInMemory)
  for (const row of backup) {
    await media.add(row, 60)
    await media.update(row.id, () => ok({ media: row, events: [] }))
  }
  return { mediaport: createMediaport({ ...memoryPorts(), media, storages: [storage] }, { forgetAfterSeconds: DAY }) }
}
