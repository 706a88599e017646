import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect, inChunks, PNG, pngOf } from '../samples.ts'
import { down, eventually, over, read, Sender, world } from './world.ts'

const notFound = { type: 'not-found' }
const bytes = pngOf(10_000)

const called = (name: string): FileStorage => over<FileStorage>(new MemoryFileStorage(), { name })

describe('the content of a media', () => {
  it('is what was uploaded, byte for byte, with what is known of it', async () => {
    const { mediaport, upload } = world()
    const stored = await upload({ bytes })
    const { media, open } = (await mediaport.openContent(stored.id))._unsafeUnwrap()
    const body = (await open())._unsafeUnwrap()
    expect(media).toStrictEqual(stored)
    expect(bytes.equals(await collect(body))).toBe(true)
  })

  it.each([
    ['the first byte', 0, 0],
    ['the last byte', 9999, 9999],
    ['a part', 100, 5000],
    ['all of it', 0, 9999],
  ])('can be read in part: %s', async (_, start, end) => {
    const { mediaport, upload } = world()
    const { id } = await upload({ bytes })
    const { open } = (await mediaport.openContent(id))._unsafeUnwrap()
    const body = (await open({ start, end }))._unsafeUnwrap()
    expect(bytes.subarray(start, end + 1).equals(await collect(body))).toBe(true)
  })

  it('can be read by its owner and by nobody else', async () => {
    const { mediaport, upload, content } = world()
    const { id } = await upload({ owner: 'me', bytes })
    expect(await content(id, { owner: 'me' })).toHaveLength(10_000)
    expect((await mediaport.openContent(id, { owner: 'you' }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('of a media that is not there, or not yet, does not exist', async () => {
    const { mediaport, rows } = world()
    const sender = new Sender(bytes)
    const uploading = mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(rows).toHaveLength(1)
    for (const id of [(await rows())[0]?.id ?? '', randomIdentity.newId(), 'x', '../x'])
      expect((await mediaport.openContent(id))._unsafeUnwrapErr()).toEqual(notFound)
    sender.fail(new Error('left'))
    await uploading
  })

  it('comes from the storage that took it, whichever takes new files now', async () => {
    const [old, current] = [called('old'), called('current')]
    const ports = memoryPorts()
    const before = createMediaport({ ...ports, storages: [old] })
    const stored = (await before.uploadMedia({ filename: 'a.png', body: inChunks(bytes) }))._unsafeUnwrap()
    expect(stored.storage).toBe('old')

    const now = createMediaport({ ...ports, storages: [current, old] })
    const other = (await now.uploadMedia({ filename: 'b.png', body: inChunks(PNG) }))._unsafeUnwrap()
    expect(other.storage).toBe('current')
    expect(bytes.equals(await read(now, stored.id))).toBe(true)
    expect(PNG.equals(await read(now, other.id))).toBe(true)
  })

  it('cannot be had while the storage that took it is not configured', async () => {
    const ports = memoryPorts()
    const before = createMediaport({ ...ports, storages: [called('old')] })
    const { id } = (await before.uploadMedia({ filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrap()
    const now = createMediaport({ ...ports, storages: [called('current')] })
    expect((await opened(now, id))._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'storage' })
  })

  it('that its storage lost is an error before the first byte', async () => {
    const { mediaport, upload, storage } = world()
    const { id, storageKey } = await upload()
    await storage.delete(storageKey)
    const error = (await opened(mediaport, id))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'storage-error', cause: { type: 'file-missing', key: storageKey } })
  })

  it('cannot be had while its storage does not answer', async () => {
    const unavailable = { ...down, dependency: 'storage' } as const
    const { mediaport, upload } = world({
      wrapStorage: (storage) => over(storage, { open: () => errAsync(unavailable) }),
    })
    const { id } = await upload()
    expect((await opened(mediaport, id))._unsafeUnwrapErr()).toEqual(unavailable)
  })
})

const opened = (mediaport: Mediaport, id: string) => mediaport.openContent(id).andThen(({ open }) => open())
