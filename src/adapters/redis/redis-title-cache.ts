import { Redis, type Result as RedisResult } from 'ioredis'
import { err, ok, ResultAsync } from 'neverthrow'
import { z } from 'zod'
import type { CachedTitle, CachedTitles, TitleCache } from '../../application/ports/title-cache.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Title } from '../../domain/values/title.ts'

/** Milliseconds: nobody waits longer for what was to be fast. */
const CONNECT_TIMEOUT = 500
const COMMAND_TIMEOUT = 300
/**
 * A connection that says nothing for so long while commands wait is given up for a new one: where the other end is gone
 * without a word, only the kernel would find out, after about a quarter of an hour (tcp(7), tcp_retries2).
 */
const SILENCE = 1000
const RECONNECT_AT_MOST = 2000
const TOMBSTONE_SECONDS = 24 * 60 * 60
const SCAN_COUNT = 500

/**
 * One script for both, so that looking and writing are one step: nothing happens unless what is there is older (`strict`
 * 1) or not newer (0). Versions are compared as numbers, which Lua keeps exactly up to 2^53.
 */
const WRITE = `
  local isHash = redis.call('TYPE', KEYS[1]).ok == 'hash'
  local known = isHash and tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
  local version = tonumber(ARGV[1])
  if known > version or (known == version and ARGV[2] == '1') then return 0 end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
  if tonumber(ARGV[3]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
  return 1`

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeTitle(key: string, ...given: (string | number)[]): RedisResult<number, Context>
  }
}

export interface RedisOptions {
  /** What every key begins with; `mediaport:` unless told. */
  readonly prefix?: string | undefined
  /** After how many seconds a title is forgotten; never unless told. */
  readonly ttlSeconds?: number | undefined
}

/** Titles in Redis, each a hash at `<prefix>title:<id>`; of one that was taken out only the version is left, for a day. */
export class RedisTitleCache implements TitleCache {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #ttl: number

  /** Connects at once and for ever again; while there is no connection, every method is `unavailable` without waiting. */
  constructor(url: string, { prefix = 'mediaport:', ttlSeconds = 0 }: RedisOptions = {}) {
    this.#prefix = `${prefix}title:`
    this.#ttl = ttlSeconds
    this.#redis = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      connectTimeout: CONNECT_TIMEOUT,
      commandTimeout: COMMAND_TIMEOUT,
      socketTimeout: SILENCE,
      retryStrategy: (times) => Math.min(times * 100, RECONNECT_AT_MOST),
    })
    // Whoever asks is told; unheard, this event would be printed.
    this.#redis.on('error', () => {})
    this.#redis.defineCommand('writeTitle', { numberOfKeys: 1, lua: WRITE })
  }

  put(id: MediaId, { owner, title, tags, version }: CachedTitle): ResultAsync<void, Unavailable> {
    const fields = ['owner', owner, 'title', title, 'tags', JSON.stringify(tags)]
    return answer(this.#redis.writeTitle(this.#key(id), version, 1, this.#ttl, ...fields)).map(() => undefined)
  }

  find(id: MediaId): ResultAsync<CachedTitle | undefined, Unavailable> {
    return answer(this.#redis.hmget(this.#key(id), ...FIELDS))
      .map(parseEntry)
      .orElse((error) => (isWrongType(error.cause) ? ok(undefined) : err(error)))
  }

  remove(id: MediaId, version: number): ResultAsync<void, Unavailable> {
    return answer(this.#redis.writeTitle(this.#key(id), version, 0, TOMBSTONE_SECONDS)).map(() => undefined)
  }

  list(next = '0'): ResultAsync<CachedTitles, Unavailable> {
    return answer(this.#page(next))
  }

  /** Whether the server answers, asked now. */
  isUp(): Promise<boolean> {
    return this.#redis.ping().then(
      () => true,
      () => false,
    )
  }

  async close(): Promise<void> {
    this.#redis.disconnect()
  }

  #key(id: MediaId): string {
    return this.#prefix + id
  }

  async #page(cursor: string): Promise<CachedTitles> {
    const pattern = `${this.#prefix.replace(/[\\*?[\]^-]/g, '\\$&')}*`
    const options = ['MATCH', pattern, 'COUNT', SCAN_COUNT, 'TYPE', 'hash']
    const [next, keys] = Page.parse(await this.#redis.call('SCAN', cursor, ...options))
    const entries = await Promise.all(
      keys.map(async (key) => {
        const entry = parseEntry(await this.#redis.hmget(key, ...FIELDS))
        return entry ? [{ id: key.slice(this.#prefix.length) as MediaId, version: entry.version }] : []
      }),
    )
    return { entries: entries.flat(), ...(next !== '0' && { next }) }
  }
}

const Page = z.tuple([z.string(), z.array(z.string())])

const FIELDS = ['owner', 'title', 'tags', 'version'] as const

/** The entry, or `undefined` if there is none, it was taken out, or the hash is none of ours. */
function parseEntry([owner, title, rawTags, rawVersion]: readonly (string | null)[]): CachedTitle | undefined {
  const tags = parseTags(rawTags)
  const version = Number(rawVersion)
  if (typeof owner !== 'string' || typeof title !== 'string' || !tags || !Number.isSafeInteger(version) || version < 1)
    return undefined
  return { owner, title: title as Title, tags, version }
}

function parseTags(raw: string | null | undefined): Tag[] | undefined {
  if (typeof raw !== 'string') return undefined
  try {
    const tags: unknown = JSON.parse(raw)
    return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? (tags as Tag[]) : undefined
  } catch {
    return undefined
  }
}

/** The key holds something that is no hash, and so none of ours (https://redis.io/docs/latest/develop/data-types/). */
const isWrongType = (cause: unknown): boolean => cause instanceof Error && cause.message.startsWith('WRONGTYPE ')

const answer = <T>(work: Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(work, unavailable('titles'))
