import * as disk from 'node:fs/promises'
import { readdir, rm } from 'node:fs/promises'
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
import { filesIn, openFilesIn } from '../support/files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { fileStorageContract } from './file-storage.contract.ts'

/** Returns these switches with their other values. */
const inverted = (...names: (keyof Switches)[]): Partial<Switches> =>
  Object.fromEntries(names.map((name) => [name, OTHERWISE[name]]))

fileStorageContract('memory', async () => ({ storage: new MemoryFileStorage() }))

describe.each<[string, Partial<Switches>, { isPrivate?: boolean; spools?: boolean }]>([
  ['with public files', {}, {}],
  ['with private files', {}, { isPrivate: true }],
  ['with spooled uploads, if uploads must declare their length', inverted('chunkedUploads'), { spools: true }],
  ['if raw files are never private and have no ranges', inverted('privateRawFiles', 'ranges'), { isPrivate: true }],
  ['if empty files are kept', inverted('refusesEmptyFiles'), {}],
  ['if lists are stale', inverted('listLag'), {}],
  ['if a missing folder is an error', inverted('unknownFolderIsEmpty'), {}],
  ['if the rate limit is low', inverted('callsPerSecond'), {}],
])('With the local ImageKit, %s:', (_, switches, { isPrivate = false, spools = false }) => {
  fileStorageContract('ImageKit', async () => {
    const vendor = await startLocalImagekit({ switches, maxFile: 64 * 1024 * 1024 })
    onTestFinished(() => vendor.close())
    const spoolFolder = spools ? temporaryFolder() : undefined
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
      countFiles: async () => vendor.library.all.length,
      ...(switches.listLag && {
        untilListed: () => expect.poll(() => vendor.library.isListed, { interval: 5 }).toBe(true),
      }),
    }
  })
})

fileStorageContract('filesystem', async () => {
  const parent = temporaryFolder()
  const storage = new FilesystemFileStorage(join(parent, 'files'))
  return {
    storage,
    countFiles: async () => filesIn(parent).length,
    ...(process.platform === 'linux' && { openFiles: async () => (await openFilesIn(parent)).length }),
  }
})

describe('The filesystem storage', () => {
  const key = '01a20712-704d-7006-b9dc-23e57664e313.7a7886d563217762' as StorageKey
  const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }

  it('writes all bytes if `writev` writes only a part of them', async () => {
    const shortWrites: Disk = {
      ...disk,
      open: async (...args) => {
        const file = await disk.open(...args)
        const write = (chunks: readonly Uint8Array[]) => file.write(Buffer.concat(chunks).subarray(0, 100_000))
        return Object.assign(file, { writev: write })
      },
    }
    const storage = new FilesystemFileStorage(temporaryFolder(), { disk: shortWrites })
    const bytes = noise(2_500_000)
    const put = await storage.put(key, inChunks(bytes), hints)
    expect(put._unsafeUnwrap().size).toBe(bytes.length)
    expect(bytes.equals(await collect((await storage.open(key))._unsafeUnwrap()))).toBe(true)
  })

  it('ends a `put` whose body never returns a chunk', async () => {
    const folder = temporaryFolder()
    const controller = new AbortController()
    const firstRead = Promise.withResolvers<void>()
    const next = () => {
      firstRead.resolve()
      return new Promise<never>(() => undefined)
    }
    const body = { [Symbol.asyncIterator]: () => ({ next }) }
    const result = new FilesystemFileStorage(folder).put(key, body, { ...hints, signal: controller.signal })
    await firstRead.promise
    controller.abort('aborted')
    expect((await result)._unsafeUnwrapErr()).toEqual({ type: 'interrupted', cause: 'aborted' })
    expect(await readdir(join(folder, '62'))).toEqual([])
  })

  it('creates its folder again after it was removed', async () => {
    const folder = join(temporaryFolder(), 'files')
    const storage = new FilesystemFileStorage(folder)
    expect((await storage.put(key, inChunks(noise(10)), hints)).isOk()).toBe(true)
    await rm(folder, { recursive: true })
    expect((await storage.put(key, inChunks(noise(20)), hints))._unsafeUnwrap().size).toBe(20)
  })

  it('flushes a folder once for several waiting puts, and after the rename of each', async () => {
    const events: string[] = []
    const recordingDisk: Disk = {
      ...disk,
      rename: async (from, to) => {
        await disk.rename(from, to)
        events.push(`renamed ${String(to)}`)
      },
      open: async (path, ...args) => {
        const file = await disk.open(path, ...args)
        const sync = async () => {
          const handle = await disk.open(path)
          events.push(`flushes ${String(path)}`)
          await handle.sync()
          await handle.close()
          events.push(`flushed ${String(path)}`)
        }
        return Object.assign(file, { sync })
      },
    }
    const folder = temporaryFolder()
    const storage = new FilesystemFileStorage(folder, { disk: recordingDisk })
    const keys = Array.from({ length: 50 }, (_, n) => `${String(n).padStart(4, '0')}${key.slice(4)}` as StorageKey)
    await Promise.all(
      keys.map(async (fileKey) => {
        expect((await storage.put(fileKey, inChunks(noise(10)), hints)).isOk()).toBe(true)
        const after = events.slice(events.indexOf(`renamed ${join(folder, '62', fileKey)}`))
        const flush = after.indexOf(`flushes ${join(folder, '62')}`)
        expect(flush).toBeGreaterThan(0)
        expect(after.indexOf(`flushed ${join(folder, '62')}`, flush)).toBeGreaterThan(flush)
      }),
    )
    expect(events.filter((event) => event === `flushes ${join(folder, '62')}`).length).toBeLessThan(keys.length)
  })
})
