import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import { RedisTitleCache } from '../../src/adapters/redis/redis-title-cache.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Title } from '../../src/domain/values/title.ts'
import { addressOf, withServices } from '../services.ts'
import { titleCacheContract } from './title-cache.contract.ts'

titleCacheContract('memory', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  return { cache: new MemoryTitleCache(), advance: async (durationMs) => void vi.advanceTimersByTime(durationMs) }
})

withServices(['REDIS_URL'], 'On the server of REDIS_URL', () => {
  const id = '01990000-0000-7000-8000-000000000000' as MediaId
  const entry = { owner: 'me', title: 'A' as Title, tags: [], version: 1 }
  let redis: Redis
  let prefix: string
  const caches: RedisTitleCache[] = []

  beforeAll(() => {
    redis = new Redis(addressOf('REDIS_URL'))
  })
  afterAll(async () => {
    for (const cache of caches) await cache.close()
    redis.disconnect()
  })

  const open = async (ttlSeconds?: number): Promise<RedisTitleCache> => {
    // The prefix contains characters that are special in a pattern of KEYS or SCAN.
    prefix = `contract[*?]\\${randomBytes(8).toString('hex')}:`
    const cache = new RedisTitleCache(addressOf('REDIS_URL'), { prefix, ttlSeconds })
    caches.push(cache)
    await vi.waitUntil(() => cache.isUp())
    return cache
  }

  titleCacheContract('Redis', async () => ({
    cache: await open(),
    // The clock of the server cannot be changed, so the expiry times are moved instead.
    advance: async (durationMs) => {
      for (const key of (await redis.keys('*')).filter((each) => each.startsWith(prefix))) {
        const remainingMs = await redis.pttl(key)
        if (remainingMs >= 0) await redis.pexpire(key, Math.max(1, remainingMs - durationMs))
        if (remainingMs >= 0 && remainingMs <= durationMs)
          await vi.waitUntil(async () => (await redis.exists(key)) === 0)
      }
    },
  }))

  it('Redis stores an entry as a hash of four fields with the given TTL', async () => {
    const cache = await open(60)
    await cache.put(id, { ...entry, tags: [] })
    expect(await redis.hgetall(`${prefix}title:${id}`)).toEqual({ owner: 'me', title: 'A', tags: '[]', version: '1' })
    expect(await redis.ttl(`${prefix}title:${id}`)).toBeGreaterThan(50)
    await cache.put(id, { ...entry, version: 2 })
    expect(await redis.ttl(`${prefix}title:${id}`)).toBeGreaterThan(50)
  })

  it.each([
    ['a string', (key: string) => redis.set(key, 'x')],
    ['a hash of another program', (key: string) => redis.hset(key, 'version', 'x')],
    ['tags that are not JSON', (key: string) => redis.hset(key, { ...entry, tags: '[' })],
  ])('Redis ignores %s, and replaces it with its own entry', async (_, corrupt) => {
    const cache = await open()
    await corrupt(`${prefix}title:${id}`)
    expect((await cache.find(id))._unsafeUnwrap()).toBeUndefined()
    expect((await cache.list())._unsafeUnwrap().entries).toEqual([])
    await cache.put(id, { ...entry, version: 2 })
    expect((await cache.find(id))._unsafeUnwrap()).toEqual({ ...entry, version: 2 })
  })

  it('Redis compares large versions exactly', async () => {
    const cache = await open()
    await cache.put(id, { ...entry, version: Number.MAX_SAFE_INTEGER })
    await cache.put(id, { ...entry, title: 'B' as Title, version: Number.MAX_SAFE_INTEGER - 1 })
    expect((await cache.find(id))._unsafeUnwrap()).toEqual({ ...entry, version: Number.MAX_SAFE_INTEGER })
  })
})
