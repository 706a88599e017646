import { err, errAsync, type Result, ResultAsync } from 'neverthrow'
import { expect, it } from 'vitest'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../src/application/ports/unavailable.ts'
import { WatchedStorage } from '../../src/application/upkeep/watched-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { inChunks, PNG } from '../samples.ts'
import { over } from './world.ts'

const key = 'a' as StorageKey
const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }

const files = new MemoryFileStorage()
const away = unavailable('storage')(new Error('away'))

it('A storage that can not delete takes uploads all the same', async () => {
  const watched = new WatchedStorage(over<FileStorage>(files, { delete: () => errAsync(away) }))
  expect((await watched.delete(key)).isErr()).toBe(true)
  expect(await watched.isUp()).toBe(true)
})

it('A storage that hangs is asked once, however many ask for its health', async () => {
  let asked = 0
  const { promise, resolve } = Promise.withResolvers<Result<never, Unavailable>>()
  const watched = new WatchedStorage(over<FileStorage>(files, { list: () => (asked++, new ResultAsync(promise)) }))
  const looks = [watched.isUp(), watched.isUp()]
  resolve(err(away))
  expect(await Promise.all(looks)).toEqual([false, false])
  expect(asked).toBe(1)
})

it('A storage that takes nothing more is not well because it can be read', async () => {
  const memory = new MemoryFileStorage()
  let isFull = false
  const watched = new WatchedStorage({
    name: memory.name,
    put: (...given) => (isFull ? errAsync({ type: 'insufficient-storage', cause: 'full' }) : memory.put(...given)),
    open: (...given) => memory.open(...given),
    list: (...given) => memory.list(...given),
    delete: (which) => memory.delete(which),
  })
  await watched.put(key, inChunks(PNG), hints)
  expect(await watched.isUp()).toBe(true)
  isFull = true
  await watched.put('b' as StorageKey, inChunks(PNG), hints)
  expect((await watched.open(key)).isOk()).toBe(true)
  expect(await watched.isUp()).toBe(false)
  isFull = false
  await watched.put('b' as StorageKey, inChunks(PNG), hints)
  expect(await watched.isUp()).toBe(true)
})
