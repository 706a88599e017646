import { Redis, type Result as RedisResult } from 'ioredis'
import { err, ok, ResultAsync } from 'neverthrow'
import { z } from 'zod'
import type { CachedTitle, CachedTitles, TitleCache } from '../../application/ports/title-cache.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Title } from '../../domain/values/title.ts'

/** Short, because a title can always be read from the database instead. */
const CONNECT_TIMEOUT_MS = 500
const COMMAND_TIMEOUT_MS = 300
/**
 * A connection is replaced if commands wait and nothing arrives for this long. Without it, only the kernel would detect
 * that the server has disappeared, after about 15 minutes (tcp(7), tcp_retries2).
 */
const SOCKET_TIMEOUT_MS = 1000
const MAX_RECONNECT_DELAY_MS = 2000
const TOMBSTONE_SECONDS = 24 * 60 * 60
const SCAN_COUNT = 500

/**
 * Writes an entry or a tombstone atomically. ARGV: version, `strict`, seconds until it expires (0 for never), fields.
 * With `strict` 1 it replaces only older versions, with 0 also the same version. Versions are compared as numbers,
 * which are exact in Lua up to 2^53.
 */
const WRITE_SCRIPT = `
  local isHash = redis.call('TYPE', KEYS[1]).ok == 'hash'
  local current = isHash and tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
  local version = tonumber(ARGV[1])
  if current > version or (current == version and ARGV[2] == '1') then return 0 end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 4))
  if tonumber(ARGV[3]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
  return 1`

declare module 'ioredis' {
  interface RedisCommander<Context> {
    writeTitle(key: string, ...args: (string | number)[]): RedisResult<number, Context>
  }
}

export interface RedisOptions {
  /** The prefix of every key. `mediaport:` by default. */
  readonly prefix?: string | undefined
  /** The seconds after which a cached title expires. By default it does not expire. */
  readonly ttlSeconds?: number | undefined
}

/**
 * Caches titles in Redis, each as a hash at `<prefix>title:<id>`. A removed entry leaves a tombstone with its version
 * for one day.
 *
 * @example
 * const titles = new RedisTitleCache('redis://localhost', { prefix: 'app:' })
 */
export class RedisTitleCache implements TitleCache {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #ttlSeconds: number

  /**
   * Connects at once, and reconnects until `close` is called. Without a connection every method returns `unavailable`
   * immediately.
   *
   * @param url The address of the server, which begins with `redis://` or `rediss://`.
   */
  constructor(url: string, { prefix = 'mediaport:', ttlSeconds = 0 }: RedisOptions = {}) {
    this.#prefix = `${prefix}title:`
    this.#ttlSeconds = ttlSeconds
    this.#redis = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      retryStrategy: (times) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS),
    })
    // Each method returns its own error. Without a listener ioredis would print this event.
    this.#redis.on('error', () => {})
    this.#redis.defineCommand('writeTitle', { numberOfKeys: 1, lua: WRITE_SCRIPT })
  }

  put(id: MediaId, { owner, title, tags, version }: CachedTitle): ResultAsync<void, Unavailable> {
    const fields = ['owner', owner, 'title', title, 'tags', JSON.stringify(tags)]
    return toResult(this.#redis.writeTitle(this.#key(id), version, 1, this.#ttlSeconds, ...fields)).map(() => undefined)
  }

  find(id: MediaId): ResultAsync<CachedTitle | undefined, Unavailable> {
    return toResult(this.#redis.hmget(this.#key(id), ...ENTRY_FIELDS))
      .map(parseEntry)
      .orElse((error) => (isWrongType(error.cause) ? ok(undefined) : err(error)))
  }

  remove(id: MediaId, version: number): ResultAsync<void, Unavailable> {
    return toResult(this.#redis.writeTitle(this.#key(id), version, 0, TOMBSTONE_SECONDS)).map(() => undefined)
  }

  list(next = '0'): ResultAsync<CachedTitles, Unavailable> {
    return toResult(this.#page(next))
  }

  /** Sends a `PING` command. */
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
    const [next, keys] = ScanPage.parse(await this.#redis.call('SCAN', cursor, ...options))
    const entries = await Promise.all(
      keys.map(async (key) => {
        const entry = parseEntry(await this.#redis.hmget(key, ...ENTRY_FIELDS))
        return entry ? [{ id: key.slice(this.#prefix.length) as MediaId, version: entry.version }] : []
      }),
    )
    return { entries: entries.flat(), ...(next !== '0' && { next }) }
  }
}

const ScanPage = z.tuple([z.string(), z.array(z.string())])

const ENTRY_FIELDS = ['owner', 'title', 'tags', 'version'] as const

/** Returns `undefined` if there is no hash, or it is a tombstone, or another program has written it. */
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

/** Another program has written another data type than a hash (https://redis.io/docs/latest/develop/data-types/). */
const isWrongType = (cause: unknown): boolean => cause instanceof Error && cause.message.startsWith('WRONGTYPE ')

const toResult = <T>(work: Promise<T>): ResultAsync<T, Unavailable> =>
  ResultAsync.fromPromise(work, unavailable('titles'))
