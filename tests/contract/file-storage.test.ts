import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { startLocalImagekit } from '../imagekit/local-server.ts'
import { OTHERWISE, type Switches } from '../imagekit/switches.ts'
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
