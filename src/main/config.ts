import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { err, ok, type Result } from 'neverthrow'
import type { Access } from '../adapters/http/access.ts'
import { type ApiKey, parseApiKey } from '../adapters/http/auth/api-keys.ts'
import { LOCAL_SCOPES, SCOPES, type Scope } from '../adapters/http/auth/caller.ts'
import type { JwtOptions } from '../adapters/http/auth/jwt.ts'
import type { Pace } from '../adapters/http/upload/pace.ts'
import { DEFAULT_POLICY, type Policy } from '../application/policy.ts'
import { type ContentType, DEFAULT_TYPES, KNOWN_TYPES } from '../domain/values/content-type.ts'
import {
  type Env,
  oneOf,
  type Parse,
  parseMongoAddress,
  parseSize,
  parseUrl,
  Reader,
  wholeNumber,
  words,
} from './variables.ts'

/** All settings, read once from the environment. */
export interface Config {
  readonly host: string
  /** 0 to 65535. If it is 0, the operating system assigns an unused port. */
  readonly port: number
  /** The URL at which clients reach the server. By default it is made from `host` and `port`. */
  readonly publicUrl: string | undefined
  /** An absolute path. */
  readonly dataDir: string
  /** The PostgreSQL server. By default the embedded database in `dataDir` is used. */
  readonly databaseUrl: string | undefined
  /** The metadata store. By default the documents are stored in the database of the rows. */
  readonly mongodbUrl: string | undefined
  /** The title cache. By default this process caches titles if the database is embedded. Else there is no cache. */
  readonly redis: { readonly url: string; readonly prefix: string; readonly ttlSeconds: number | undefined } | undefined
  /** Whether metadata includes the place where a picture was taken, for every caller who may read it. */
  readonly showsLocation: boolean
  /** The storage that receives new files. Existing files are served from the storage that has them. */
  readonly storage: (typeof STORAGE_NAMES)[number]
  /** `undefined` if IMAGEKIT_PRIVATE_KEY is not set. */
  readonly imagekit: ImagekitAccount | undefined
  readonly policy: Policy
  readonly access: Omit<Access, 'publicUrl'>
  readonly apiKeys: readonly ApiKey[]
  /** The identity provider whose tokens are accepted. */
  readonly jwt: JwtOptions | undefined
  readonly pace: Pace
  readonly headerTimeoutSeconds: number
  /** Whether the server does the jobs itself (`inline`) or leaves them to `mediaport worker` (`off`). */
  readonly worker: 'inline' | 'off'
  readonly reapEverySeconds: number
  readonly logLevel: string
  /** By default `pretty` if stdout is a terminal, else `json`. */
  readonly logFormat: (typeof LOG_FORMATS)[number] | undefined
}

export interface ImagekitAccount {
  readonly privateKey: string
  readonly urlEndpoint: string
  /** Starts with a slash and does not end with one. Each installation uses its own folder below it. */
  readonly folder: string
  readonly uploadUrl: string | undefined
  readonly apiUrl: string | undefined
  readonly isPrivate: boolean
  /** Whether files are written to disk before they are sent. */
  readonly spools: boolean
}

/** `message` is one line for people: which variable is wrong, what is wrong, and what to set. */
export interface InvalidVariable {
  readonly type: 'invalid-variable'
  readonly message: string
}

export const STORAGE_NAMES = ['filesystem', 'imagekit'] as const
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const LOG_FORMATS = ['json', 'pretty'] as const

/** Reads and checks all variables. Returns the first fault. A message never repeats a value that may be a secret. */
export function readConfig(env: Env): Result<Config, InvalidVariable> {
  const reader = new Reader(env)
  const host = reader.text('HOST', '127.0.0.1')
  const isLoopback = isLoopbackHost(host)
  const publicUrl = reader.optional('PUBLIC_URL', parseUrl(['http:', 'https:']))
  const imagekit = readImagekit(reader)
  const storage = reader.parsed('STORAGE', imagekit ? 'imagekit' : 'filesystem', oneOf(STORAGE_NAMES))
  const apiKeys = reader.parsed('API_KEYS', [], parseApiKeys)
  const jwt = readJwt(reader)
  const hasCredentials = apiKeys.length > 0 || jwt !== undefined
  const publicHost = publicUrl === undefined ? [] : [new URL(publicUrl).hostname]
  const isLocal = isLoopback && publicHost.every(isLoopbackHost)
  const isOpen = isLocal && !hasCredentials
  const config: Config = {
    host,
    port: reader.parsed('PORT', 8000, wholeNumber(0, 65_535)),
    publicUrl,
    dataDir: resolve(reader.text('DATA_DIR', './data')),
    databaseUrl: reader.optional('DATABASE_URL', parseUrl(['postgres:', 'postgresql:'])),
    mongodbUrl: reader.optional('MONGODB_URL', parseMongoAddress),
    redis: readRedis(reader),
    storage,
    imagekit,
    showsLocation: reader.parsed('METADATA_LOCATION', 'private', oneOf(['private', 'public'])) === 'public',
    policy: {
      ...DEFAULT_POLICY,
      maxFileSize: reader.parsed(
        'MAX_FILE_SIZE',
        storage === 'imagekit' ? FREE_PLAN_MAX_BYTES : DEFAULT_POLICY.maxFileSize,
        parseSize,
      ),
      allowedTypes: reader.parsed('ALLOWED_TYPES', DEFAULT_TYPES, parseTypes),
      leaseSeconds: reader.parsed('UPLOAD_LEASE_SECONDS', DEFAULT_POLICY.leaseSeconds, wholeNumber(1, 86_400)),
      storageTimeoutSeconds: reader.parsed(
        'STORAGE_TIMEOUT_SECONDS',
        DEFAULT_POLICY.storageTimeoutSeconds,
        wholeNumber(1, 3600),
      ),
      forgetAfterSeconds: reader.parsed(
        'FORGET_AFTER_SECONDS',
        DEFAULT_POLICY.forgetAfterSeconds,
        wholeNumber(1, 31_536_000),
      ),
    },
    access: {
      hosts: [...reader.parsed('ALLOWED_HOSTS', [], parseHosts), ...publicHost],
      anonymousScopes: reader.parsed('ANONYMOUS_SCOPES', isOpen ? LOCAL_SCOPES : [], parseScopes),
      loopbackOnly: isOpen,
    },
    apiKeys,
    jwt,
    pace: {
      idleSeconds: reader.parsed('IDLE_TIMEOUT_SECONDS', 15, wholeNumber(1, 3600)),
      minRate: reader.parsed('MIN_UPLOAD_RATE', 4096, parseSize),
    },
    worker: reader.parsed('WORKER', 'inline', oneOf(['inline', 'off'])),
    reapEverySeconds: reader.parsed('REAP_EVERY_SECONDS', 30, wholeNumber(1, 3600)),
    headerTimeoutSeconds: reader.parsed('HEADER_TIMEOUT_SECONDS', 10, wholeNumber(1, 3600)),
    logLevel: reader.parsed('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    logFormat: reader.optional('LOG_FORMAT', oneOf(LOG_FORMATS)),
  }
  if (storage === 'imagekit' && !imagekit)
    reader.fail(
      'STORAGE',
      'is imagekit, but IMAGEKIT_PRIVATE_KEY is not set. Set IMAGEKIT_PRIVATE_KEY, or set STORAGE to filesystem',
    )
  if (config.worker === 'off' && config.databaseUrl === undefined)
    reader.fail(
      'WORKER',
      'is off, but DATABASE_URL is not set, and only the server itself can do the jobs of its embedded database. Set WORKER to inline, or set DATABASE_URL',
    )
  if (!isLocal && !hasCredentials && !env['ANONYMOUS_SCOPES'])
    reader.fail(
      isLoopback ? 'PUBLIC_URL' : 'HOST',
      `${isLoopback ? publicHost[0] : host} can be reached from other machines, but none of API_KEYS, JWKS_URL, JWT_SECRET and ANONYMOUS_SCOPES is set. Set API_KEYS to what "mediaport key" prints, or set ANONYMOUS_SCOPES to what every caller may do, such as read+upload, or set ${isLoopback ? 'no PUBLIC_URL' : 'HOST to 127.0.0.1'}`,
    )
  return reader.fault === undefined ? ok(config) : err({ type: 'invalid-variable', message: reader.fault })
}

/** The maximum file size of ImageKit's free plan, except for videos: https://imagekit.io/docs/limits */
const FREE_PLAN_MAX_BYTES = 25_000_000

function readImagekit(reader: Reader): ImagekitAccount | undefined {
  const privateKey = reader.text('IMAGEKIT_PRIVATE_KEY', '')
  const urlEndpoint = reader.optional('IMAGEKIT_URL_ENDPOINT', parseUrl(['https:', 'http:']))?.replace(/\/+$/, '')
  const account = {
    privateKey,
    urlEndpoint: urlEndpoint ?? '',
    folder: reader.parsed('IMAGEKIT_FOLDER', '/media', parseFolder),
    uploadUrl: reader.optional('IMAGEKIT_UPLOAD_URL', parseUrl(['https:', 'http:'])),
    apiUrl: reader.optional('IMAGEKIT_API_URL', parseUrl(['https:', 'http:'])),
    isPrivate: reader.parsed('IMAGEKIT_PRIVATE', 'off', oneOf(['on', 'off'])) === 'on',
    spools: reader.parsed('IMAGEKIT_UPLOAD', 'stream', oneOf(['stream', 'spool'])) === 'spool',
  }
  if (privateKey === '') return undefined
  if (urlEndpoint === undefined)
    reader.fail(
      'IMAGEKIT_URL_ENDPOINT',
      'is required with IMAGEKIT_PRIVATE_KEY. Set it to the URL endpoint of the account, such as https://ik.imagekit.io/acme',
    )
  return account
}

const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))

const parseFolder: Parse<string> = (raw) => {
  const parts = raw.split('/').filter((part) => part !== '')
  return parts.length <= 49 && parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))
    ? ok(`/${parts.join('/')}`)
    : err('a folder such as /media, at most 49 levels deep, with only letters, digits, - and _ in its names')
}

function readRedis(reader: Reader): Config['redis'] {
  const url = reader.optional('REDIS_URL', parseUrl(['redis:', 'rediss:']))
  const prefix = reader.text('REDIS_PREFIX', 'mediaport:')
  const ttlSeconds = reader.optional('TITLE_TTL_SECONDS', wholeNumber(1, 999_999_999))
  return url === undefined ? undefined : { url, prefix, ttlSeconds }
}

/** Does not split at plus signs, because a media type may contain one. */
const parseTypes: Parse<readonly ContentType[]> = (raw) => {
  const names = raw.split(/[\s,]+/).filter((name) => name !== '')
  const types = names.flatMap((name) =>
    name === 'default' ? DEFAULT_TYPES : KNOWN_TYPES.filter((type) => type === name),
  )
  return names.every((name) => name === 'default' || KNOWN_TYPES.some((type) => type === name))
    ? ok([...new Set(types)])
    : err(`a list of "default" and these media types: ${KNOWN_TYPES.join(', ')}`)
}

function readJwt(reader: Reader): JwtOptions | undefined {
  const jwksUrl = reader.optional('JWKS_URL', parseUrl(['https:', 'http:']))
  const secret = reader.optional('JWT_SECRET', parseSecret)
  const issuer = reader.text('JWT_ISSUER', '')
  const audience = reader.text('JWT_AUDIENCE', '')
  const defaultScopes = reader.parsed('JWT_SCOPES', [], parseScopes)
  if (jwksUrl !== undefined && secret !== undefined)
    reader.fail('JWT_SECRET', 'and JWKS_URL are both set. Set the one that the identity provider uses')
  const keys = jwksUrl !== undefined ? { jwksUrl } : secret !== undefined ? { secret } : undefined
  if (!keys && (issuer !== '' || audience !== ''))
    reader.fail('JWKS_URL', 'is not set, but JWT_ISSUER or JWT_AUDIENCE is. Set JWKS_URL or JWT_SECRET')
  if (!keys) return undefined
  for (const [name, value] of Object.entries({ JWT_ISSUER: issuer, JWT_AUDIENCE: audience }))
    if (value === '') reader.fail(name, 'is required with JWKS_URL and JWT_SECRET. Set it to the claim of the tokens')
  return { keys, issuer, audience, defaultScopes }
}

/** RFC 7518 section 3.2: a key is at least as long as the hash. */
const parseSecret: Parse<string> = (raw) =>
  Buffer.byteLength(raw) >= 32 ? ok(raw) : err('a secret of at least 32 bytes')

const parseApiKeys: Parse<readonly ApiKey[]> = (raw) => {
  const keys = raw
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseApiKey)
  return keys.includes(undefined) || keys.length === 0
    ? err('a list of entries such as "app:read+upload:<SHA-256 of the key>", as `mediaport key` prints them')
    : ok(keys.filter((key) => key !== undefined))
}

const parseScopes: Parse<readonly Scope[]> = (raw) => {
  const scopes = SCOPES.filter((scope) => words(raw).includes(scope))
  return raw === 'none' || scopes.length === words(raw).length
    ? ok(scopes)
    : err(`"none", or a list of these scopes, such as read+upload: ${SCOPES.join(', ')}`)
}

const parseHosts: Parse<readonly string[]> = (raw) => {
  const hosts = words(raw.toLowerCase())
  return hosts.every((host) => /^[a-z0-9.-]+$/.test(host) || isIP(host.replace(/^\[|\]$/g, '')) === 6)
    ? ok(hosts)
    : err('host names without ports, separated by commas')
}
