import * as disk from 'node:fs/promises'
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Disk, FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { startLocalImagekit } from '../imagekit/local-server.ts'
import { OTHERWISE, type Switches } from '../imagekit/switches.ts'
import { collect, inChunks, noise } from '../samples.ts'
import { fileStorageContract } from './file-storage.contract.ts'

/** With these switches the other way round. */
const otherwise = (...names: (keyof Switches)[]): Partial<Switches> =>
  Object.fromEntries(names.map((name) => [name, OTHERWISE[name]]))

fileStorageContract('memory', async () => ({ storage: new MemoryFileStorage() }))

describe.each<[string, Partial<Switches>, { isPrivate?: boolean; spools?: boolean }]>([
  ['as it should be', {}, {}],
  ['private', {}, { isPrivate: true }],
  ['spooled, where uploads must say how long they are', otherwise('chunkedUploads'), { spools: true }],
  [
    'where raw files are never private, and come without ranges',
    otherwise('privateRawFiles', 'ranges'),
    { isPrivate: true },
  ],
  [
    'where empty files are kept, what is too large is refused early, and HEAD is not answered',
    otherwise('refusesEmptyFiles', 'refusesEarly', 'answersHead'),
    {},
  ],
  [
    'where names and versions are treated otherwise',
    otherwise('keepsUnicodeNames', 'keepsFileId', 'refusesVersion101'),
    {},
  ],
  ['where lists are late', otherwise('listLag'), {}],
  ['where a folder that nobody made is an error', otherwise('unknownFolderIsEmpty'), {}],
  ['where few requests are answered in a second', otherwise('callsPerSecond'), {}],
])('against the double of ImageKit, %s:', (_, switches, { isPrivate = false, spools = false }) => {
  fileStorageContract('ImageKit', async () => {
    const vendor = await startLocalImagekit({ switches, maxFile: 64 * 1024 * 1024 })
    onTestFinished(() => vendor.close())
    const spoolFolder = spools ? await mkdtemp(join(tmpdir(), 'mediaport-spool-')) : undefined
    if (spoolFolder) onTestFinished(() => rm(spoolFolder, { recursive: true }))
    const storage = new ImagekitFileStorage({
      privateKey: vendor.privateKey,
      urlEndpoint: vendor.urlEndpoint,
      folder: '/media/installation',
      uploadUrl: vendor.url,
      apiUrl: vendor.url,
      isPrivate,
      spoolFolder,
    })
    return {
      storage,
      held: async () => vendor.library.all.length,
      ...(switches.listLag && {
        settled: () => expect.poll(() => vendor.library.isListed, { interval: 5 }).toBe(true),
      }),
    }
  })
})

fileStorageContract('filesystem', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'mediaport-files-'))
  onTestFinished(() => rm(parent, { recursive: true }))
  const held = async () => {
    const entries = await readdir(parent, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).length
  }
  const opened = async () => {
    const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
    return (await Promise.all(links)).filter((path) => path.startsWith(parent)).length
  }
  const storage = new FilesystemFileStorage(join(parent, 'files'))
  return { storage, held, ...(process.platform === 'linux' && { opened }) }
})

describe('the filesystem storage', () => {
  const key = '01a20712-704d-7006-b9dc-23e57664e313.7a7886d563217762' as StorageKey
  const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }

  async function openFolder() {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-files-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    return folder
  }

  it('keeps all bytes where the system writes fewer than it was asked to', async () => {
    const short: Disk = {
      ...disk,
      open: async (...given) => {
        const file = await disk.open(...given)
        const write = (chunks: readonly Uint8Array[]) => file.write(Buffer.concat(chunks).subarray(0, 100_000))
        return Object.assign(file, { writev: write })
      },
    }
    const storage = new FilesystemFileStorage(await openFolder(), short)
    const bytes = noise(2_500_000)
    const put = await storage.put(key, inChunks(bytes), hints)
    expect(put._unsafeUnwrap().size).toBe(bytes.length)
    expect(bytes.equals(await collect((await storage.open(key))._unsafeUnwrap()))).toBe(true)
  })

  it('ends a put whose sender never answers', async () => {
    const folder = await openFolder()
    const giveUp = new AbortController()
    const asked = Promise.withResolvers<void>()
    const next = () => {
      asked.resolve()
      return new Promise<never>(() => undefined)
    }
    const body = { [Symbol.asyncIterator]: () => ({ next }) }
    const putting = new FilesystemFileStorage(folder).put(key, body, { ...hints, signal: giveUp.signal })
    await asked.promise
    giveUp.abort('given up')
    expect((await putting)._unsafeUnwrapErr()).toEqual({ type: 'interrupted', cause: 'given up' })
    expect(await readdir(join(folder, '62'))).toEqual([])
  })

  it('makes its folder again after it was removed', async () => {
    const folder = join(await openFolder(), 'files')
    const storage = new FilesystemFileStorage(folder)
    expect((await storage.put(key, inChunks(noise(10)), hints)).isOk()).toBe(true)
    await rm(folder, { recursive: true })
    expect((await storage.put(key, inChunks(noise(20)), hints))._unsafeUnwrap().size).toBe(20)
  })

  it('flushes a folder once for all puts that wait for it, and for each after its rename', async () => {
    const events: string[] = []
    const recorded: Disk = {
      ...disk,
      rename: async (from, to) => {
        await disk.rename(from, to)
        events.push(`renamed ${String(to)}`)
      },
      open: async (path, ...given) => {
        const file = await disk.open(path, ...given)
        const sync = async () => {
          const again = await disk.open(path)
          events.push(`flushes ${String(path)}`)
          await again.sync()
          await again.close()
          events.push(`flushed ${String(path)}`)
        }
        return Object.assign(file, { sync })
      },
    }
    const folder = await openFolder()
    const storage = new FilesystemFileStorage(folder, recorded)
    const keys = Array.from({ length: 50 }, (_, n) => `${String(n).padStart(4, '0')}${key.slice(4)}` as StorageKey)
    await Promise.all(
      keys.map(async (each) => {
        expect((await storage.put(each, inChunks(noise(10)), hints)).isOk()).toBe(true)
        const after = events.slice(events.indexOf(`renamed ${join(folder, '62', each)}`))
        const begun = after.indexOf(`flushes ${join(folder, '62')}`)
        expect(begun).toBeGreaterThan(0)
        expect(after.indexOf(`flushed ${join(folder, '62')}`, begun)).toBeGreaterThan(begun)
      }),
    )
    expect(events.filter((event) => event === `flushes ${join(folder, '62')}`).length).toBeLessThan(keys.length)
  })
})
