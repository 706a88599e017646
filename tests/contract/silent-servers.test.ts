import { randomBytes, randomUUID } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MongoMetadataStore } from '../../src/adapters/mongo/mongo-metadata-store.ts'
import { RedisTitleCache } from '../../src/adapters/redis/redis-title-cache.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import type { Title } from '../../src/domain/values/title.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { addressOf, withServices } from '../services.ts'

const id = randomUUID() as MediaId

withServices(['REDIS_URL'], 'a Redis server that falls silent', () => {
  const open = async ({ silent = false } = {}) => {
    const proxy = await proxyOf('REDIS_URL')
    proxy.newOnes = silent ? 'hang' : 'pass'
    const cache = new RedisTitleCache(`redis://127.0.0.1:${proxy.port}`, {
      prefix: `silent:${randomBytes(8).toString('hex')}:`,
      ttlSeconds: 60,
    })
    onTestFinished(() => cache.close())
    if (!silent) await vi.waitUntil(() => cache.isUp())
    return { cache, proxy }
  }
  const entry = { owner: 'me', title: 'A' as Title, tags: [], version: 1 }

  it('is unavailable at once, and is used again over a new connection though the old one never ends', async () => {
    const { cache, proxy } = await open()
    ;(await cache.put(id, entry))._unsafeUnwrap()
    proxy.silence()
    const { result, milliseconds } = await timed(() => cache.find(id))
    expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'titles' })
    expect(milliseconds).toBeLessThan(1000)
    await vi.waitFor(async () => expect((await cache.find(id))._unsafeUnwrap()).toEqual(entry), 10_000)
  })

  it('is unavailable without waiting where it never answered, and is used when it does', async () => {
    const { cache, proxy } = await open({ silent: true })
    const { result, milliseconds } = await timed(() => cache.put(id, entry))
    expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'titles' })
    expect(milliseconds).toBeLessThan(1000)
    proxy.newOnes = 'pass'
    await vi.waitUntil(() => cache.isUp(), 10_000)
  })
})

withServices(['MONGODB_URL'], "a server of MongoDB's protocol that falls silent", () => {
  const attempt = 'a' as Attempt
  const metadata: Metadata = { status: 'none', tags: {} }

  const open = async () => {
    const database = `silent_${randomBytes(8).toString('hex')}`
    const proxy = await proxyOf('MONGODB_URL')
    const store = new MongoMetadataStore(`mongodb://127.0.0.1:${proxy.port}/${database}`)
    onTestFinished(async () => {
      await store.close()
      const client = new MongoClient(addressOf('MONGODB_URL'))
      await client.db(database).dropDatabase()
      await client.close()
    })
    return { store, proxy }
  }

  describe.each([
    ['from the start', false],
    ['in the middle', true],
  ])('%s', (_, isUsedBefore) => {
    it('is unavailable within ten seconds, and is used when it answers again', { timeout: 30_000 }, async () => {
      const { store, proxy } = await open()
      if (isUsedBefore) (await store.save(id, attempt, metadata))._unsafeUnwrap()
      proxy.silence()
      proxy.newOnes = 'hang'
      const { result, milliseconds } = await timed(() => store.save(id, attempt, metadata))
      expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'metadata' })
      expect(milliseconds).toBeLessThan(10_000)
      proxy.newOnes = 'pass'
      await vi.waitFor(async () => (await store.save(id, attempt, metadata))._unsafeUnwrap(), 10_000)
      expect((await store.find(id, attempt))._unsafeUnwrap()).toEqual(metadata)
    })
  })
})

async function proxyOf(service: 'REDIS_URL' | 'MONGODB_URL'): Promise<FaultProxy> {
  const proxy = await FaultProxy.before(Number(new URL(addressOf(service)).port))
  onTestFinished(() => proxy.close())
  return proxy
}

async function timed<T>(work: () => PromiseLike<T>): Promise<{ result: T; milliseconds: number }> {
  const began = performance.now()
  const result = await work()
  return { result, milliseconds: performance.now() - began }
}
