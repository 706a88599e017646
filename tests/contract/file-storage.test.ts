import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, onTestFinished } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { startLocalImagekit } from '../imagekit/local-server.ts'
import type { Switches } from '../imagekit/switches.ts'
import { fileStorageContract } from './file-storage.contract.ts'

fileStorageContract('memory', async () => ({ storage: new MemoryFileStorage() }))

describe.each<[string, Partial<Switches>, { isPrivate?: boolean; spools?: boolean }]>([
  ['as it should be', {}, {}],
  ['private', {}, { isPrivate: true }],
  ['spooled, where uploads must say how long they are', { chunkedUploads: false }, { spools: true }],
  ['without ranges', { ranges: false }, {}],
  ['where raw files are never private', { privateRawFiles: false }, { isPrivate: true }],
  ['where empty files are kept', { refusesEmptyFiles: false }, {}],
  ['where what is too large is refused early', { refusesEarly: true }, {}],
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
    return { storage, held: async () => vendor.library.all.length }
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
