import { errAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect, inChunks, PNG, pngOf } from '../samples.ts'
import { createWorld, down, override, read, Sender } from './world.ts'

const notFound = { type: 'not-found' }
const bytes = pngOf(10_000)

const storageNamed = (name: string): FileStorage => override<FileStorage>(new MemoryFileStorage(), { name })

describe('The content of a media item', () => {
  it('is the uploaded bytes, with the media item', async () => {
    const { mediaport, upload } = createWorld()
    const stored = await upload({ bytes })
    const { media, open } = (await mediaport.openContent(stored.id, { owner: EVERYONE }))._unsafeUnwrap()
    const body = (await open())._unsafeUnwrap()
    expect(media).toStrictEqual(stored)
    expect(bytes.equals(await collect(body))).toBe(true)
  })

  it.each([
    ['the first byte', 0, 0],
    ['the last byte', 9999, 9999],
    ['a part', 100, 5000],
    ['all of it', 0, 9999],
  ])('can be read as a range: %s', async (_, start, end) => {
    const { mediaport, upload } = createWorld()
    const { id } = await upload({ bytes })
    const { open } = (await mediaport.openContent(id, { owner: EVERYONE }))._unsafeUnwrap()
    const body = (await open({ start, end }))._unsafeUnwrap()
    expect(bytes.subarray(start, end + 1).equals(await collect(body))).toBe(true)
  })

  it('can be read only by its owner if an owner is given', async () => {
    const { mediaport, upload, content } = createWorld()
    const { id } = await upload({ owner: 'me', bytes })
    expect(await content(id, { owner: 'me' })).toHaveLength(10_000)
    expect((await mediaport.openContent(id, { owner: 'you' }))._unsafeUnwrapErr()).toEqual(notFound)
  })

  it('is not found for an unknown id and for an upload in progress', async () => {
    const { mediaport, rows } = createWorld()
    const sender = new Sender(bytes)
    const result = mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(rows).toHaveLength(1)
    for (const id of [(await rows())[0]?.id ?? '', randomIdentity.newId(), 'x', '../x'])
      expect((await mediaport.openContent(id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual(notFound)
    sender.fail(new Error('left'))
    await result
  })

  it('comes from the storage that has the file, also if new files go to another storage', async () => {
    const [old, current] = [storageNamed('old'), storageNamed('current')]
    const ports = memoryPorts()
    const before = createMediaport({ ...ports, storages: [old] })
    const stored = (await before.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(bytes) }))._unsafeUnwrap()
    expect(stored.storage).toBe('old')

    const now = createMediaport({ ...ports, storages: [current, old] })
    const other = (await now.uploadMedia({ owner: 'me', filename: 'b.png', body: inChunks(PNG) }))._unsafeUnwrap()
    expect(other.storage).toBe('current')
    expect(bytes.equals(await read(now, stored.id))).toBe(true)
    expect(PNG.equals(await read(now, other.id))).toBe(true)
  })

  it('is unavailable if its storage is not configured', async () => {
    const ports = memoryPorts()
    const before = createMediaport({ ...ports, storages: [storageNamed('old')] })
    const { id } = (await before.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG) }))._unsafeUnwrap()
    const now = createMediaport({ ...ports, storages: [storageNamed('current')] })
    expect((await openContent(now, id))._unsafeUnwrapErr()).toMatchObject({
      type: 'unavailable',
      dependency: 'storage',
    })
  })

  it('is a storage-error before the first byte if the file is missing', async () => {
    const { mediaport, upload, storage } = createWorld()
    const { id, storageKey } = await upload()
    await storage.delete(storageKey)
    const error = (await openContent(mediaport, id))._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'storage-error', cause: { type: 'file-missing', key: storageKey } })
  })

  it('is unavailable while its storage does not answer', async () => {
    const unavailable = { ...down, dependency: 'storage' } as const
    const { mediaport, upload } = createWorld({
      wrapStorage: (storage) => override(storage, { open: () => errAsync(unavailable) }),
    })
    const { id } = await upload()
    expect((await openContent(mediaport, id))._unsafeUnwrapErr()).toEqual(unavailable)
  })
})

const openContent = (mediaport: Mediaport, id: string) =>
  mediaport.openContent(id, { owner: EVERYONE }).andThen(({ open }) => open())
