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

withServices(['REDIS_URL'], 'A Redis server that becomes silent', () => {
  const open = async ({ isSilent = false } = {}) => {
    const proxy = await proxyOf('REDIS_URL')
    proxy.newConnections = isSilent ? 'hang' : 'pass'
    const cache = new RedisTitleCache(`redis://127.0.0.1:${proxy.port}`, {
      prefix: `isSilent:${randomBytes(8).toString('hex')}:`,
      ttlSeconds: 60,
    })
    onTestFinished(() => cache.close())
    if (!isSilent) await vi.waitUntil(() => cache.isUp())
    return { cache, proxy }
  }
  const entry = { owner: 'me', title: 'A' as Title, tags: [], version: 1 }

  it('is unavailable within a second, and is used again over a new connection while the old one stays open', async () => {
    const { cache, proxy } = await open()
    ;(await cache.put(id, entry))._unsafeUnwrap()
    proxy.silence()
    const { result, durationMs } = await measure(() => cache.find(id))
    expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'titles' })
    expect(durationMs).toBeLessThan(1000)
    await vi.waitFor(async () => expect((await cache.find(id))._unsafeUnwrap()).toEqual(entry), 10_000)
  })

  it('is unavailable within a second if it never answered, and is used when it answers', async () => {
    const { cache, proxy } = await open({ isSilent: true })
    const { result, durationMs } = await measure(() => cache.put(id, entry))
    expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'titles' })
    expect(durationMs).toBeLessThan(1000)
    proxy.newConnections = 'pass'
    await vi.waitUntil(() => cache.isUp(), 10_000)
  })
})

withServices(['MONGODB_URL'], "A server of MongoDB's protocol that becomes silent", () => {
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
    ['after a save', true],
  ])('%s', (_, isUsedBefore) => {
    it('is unavailable within ten seconds, and is used when it answers', { timeout: 30_000 }, async () => {
      const { store, proxy } = await open()
      if (isUsedBefore) (await store.save(id, attempt, metadata))._unsafeUnwrap()
      proxy.silence()
      proxy.newConnections = 'hang'
      const { result, durationMs } = await measure(() => store.save(id, attempt, metadata))
      expect(result._unsafeUnwrapErr()).toMatchObject({ type: 'unavailable', dependency: 'metadata' })
      expect(durationMs).toBeLessThan(10_000)
      proxy.newConnections = 'pass'
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

async function measure<T>(work: () => PromiseLike<T>): Promise<{ result: T; durationMs: number }> {
  const startedAt = performance.now()
  const result = await work()
  return { result, durationMs: performance.now() - startedAt }
}
