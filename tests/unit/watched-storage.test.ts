import { err, errAsync, type Result, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../src/application/ports/unavailable.ts'
import { WatchedStorage } from '../../src/application/upkeep/watched-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { inChunks, PNG } from '../samples.ts'
import { override } from './world.ts'

const key = 'a' as StorageKey
const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }

const files = new MemoryFileStorage()
const outage = unavailable('storage')(new Error('away'))

describe('WatchedStorage', () => {
  it('is up although deletes fail', async () => {
    const storage = new WatchedStorage(override<FileStorage>(files, { delete: () => errAsync(outage) }))
    expect((await storage.delete(key)).isErr()).toBe(true)
    expect(await storage.isUp()).toBe(true)
  })

  it('lists once for concurrent health checks', async () => {
    let listCalls = 0
    const { promise, resolve } = Promise.withResolvers<Result<never, Unavailable>>()
    const storage = new WatchedStorage(
      override<FileStorage>(files, { list: () => (listCalls++, new ResultAsync(promise)) }),
    )
    const results = [storage.isUp(), storage.isUp()]
    resolve(err(outage))
    expect(await Promise.all(results)).toEqual([false, false])
    expect(listCalls).toBe(1)
  })

  it('stays down after a failed put, although reads succeed, until a put succeeds', async () => {
    const memory = new MemoryFileStorage()
    let isFull = false
    const storage = new WatchedStorage({
      name: memory.name,
      put: (...args) => (isFull ? errAsync({ type: 'insufficient-storage', cause: 'full' }) : memory.put(...args)),
      open: (...args) => memory.open(...args),
      list: (...args) => memory.list(...args),
      delete: (fileKey) => memory.delete(fileKey),
    })
    await storage.put(key, inChunks(PNG), hints)
    expect(await storage.isUp()).toBe(true)
    isFull = true
    await storage.put('b' as StorageKey, inChunks(PNG), hints)
    expect((await storage.open(key)).isOk()).toBe(true)
    expect(await storage.isUp()).toBe(false)
    isFull = false
    await storage.put('b' as StorageKey, inChunks(PNG), hints)
    expect(await storage.isUp()).toBe(true)
  })
})
