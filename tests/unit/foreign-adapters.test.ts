import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { inChunks, PNG } from '../samples.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { read } from './world.ts'

const BUG = new Error('a bug of the adapter')
const bug = () => {
  throw BUG
}

describe('An adapter that throws', () => {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => void unhandled.push(reason)
  beforeEach(() => {
    unhandled.length = 0
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(() => void process.off('unhandledRejection', onUnhandled))

  const storage = (broken: Partial<FileStorage>): FileStorage => Object.assign(new MemoryFileStorage(), broken)

  it.each<[string, Partial<Ports>]>([
    ['a storage in put', { storages: [storage({ put: bug })] }],
    ['a recogniser of types', { sniff: async () => bug() }],
    ['a repository in add', { media: Object.assign(memoryPorts().media, { add: bug }) }],
    ['a repository in update', { media: Object.assign(memoryPorts().media, { update: bug }) }],
  ])('rejects the upload once, without an unhandled rejection: %s', async (_, broken) => {
    const mediaport = createMediaport({ ...memoryPorts(), ...broken })
    const upload = mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })
    await expect(upload).rejects.toBe(BUG)
    await mediaport.close()
    expect(unhandled).toEqual([])
  })

  it('does not renew the lease of an upload that it has ended', async () => {
    vi.useFakeTimers()
    const ports = memoryPorts()
    const renew = vi.spyOn(ports.media, 'renew')
    const mediaport = createMediaport({ ...ports, storages: [storage({ put: bug })] }, { leaseSeconds: 3 })
    await expect(mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) })).rejects.toBe(BUG)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(renew).not.toHaveBeenCalled()
    vi.useRealTimers()
  })
})

it('A body of strings fails, and nothing is kept', async () => {
  const ports = memoryPorts()
  const mediaport = createMediaport(ports)
  async function* strings() {
    yield PNG
    yield 'text' as unknown as Uint8Array
  }
  const error = (await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: strings() }))._unsafeUnwrapErr()
  expect(error).toMatchObject({ type: 'body-failed', cause: new TypeError('The body must consist of Uint8Arrays.') })
  expect((await ports.storages[0].list())._unsafeUnwrap()).toEqual([])
})

it('Two folders with different names serve their own files', async () => {
  const [first, second] = ['first', 'second'].map((name) => new FilesystemFileStorage(temporaryFolder(), { name }))
  if (!first || !second) throw new Error('unreachable')
  const ports = memoryPorts()
  const upload = { owner: 'me', filename: 'a.png', body: inChunks(PNG) }
  const { id } = (await createMediaport({ ...ports, storages: [first] }).uploadMedia(upload))._unsafeUnwrap()
  const mediaport = createMediaport({ ...ports, storages: [second, first] })
  expect(PNG.equals(await read(mediaport, id))).toBe(true)
})

it('Two storages of one name are refused at once', () => {
  const storages = [new MemoryFileStorage(), new MemoryFileStorage()] as const
  expect(() => createMediaport({ ...memoryPorts(), storages })).toThrow(/^Two storages have the name memory\./)
})
