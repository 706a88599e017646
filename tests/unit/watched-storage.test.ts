import { errAsync } from 'neverthrow'
import { expect, it } from 'vitest'
import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import type { ContentType } from '../../src/domain/content-type.ts'
import type { StorageKey } from '../../src/domain/media.ts'
import { WatchedStorage } from '../../src/main/watched-storage.ts'
import { inChunks, PNG } from '../samples.ts'

const key = 'a' as StorageKey
const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }

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
