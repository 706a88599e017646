import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { fileStorageContract } from './file-storage.contract.ts'

fileStorageContract('memory', async () => ({ storage: new MemoryFileStorage() }))

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
