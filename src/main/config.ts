import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { err, ok, type Result } from 'neverthrow'
import { type Access, SCOPES, type Scope } from '../adapters/http/access.ts'
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

/** Everything that can be set, read once from the environment. */
export interface Config {
  readonly host: string
  /** 0 lets the system choose one. */
  readonly port: number
  /** Absent: made of host and port. */
  readonly publicUrl: string | undefined
  /** Absolute. */
  readonly dataDir: string
  /** Absent: the embedded database in `dataDir`. */
  readonly databaseUrl: string | undefined
  /** Absent: documents are kept in the database. */
  readonly mongodbUrl: string | undefined
  /** Absent: titles are cached in this process with an embedded database, and not at all with a server. */
  readonly redis: { readonly url: string; readonly prefix: string; readonly ttlSeconds: number | undefined } | undefined
  /** Whether metadata tells everybody who may read it where a picture was taken. */
  readonly showsLocation: boolean
  /** Where new files go; each is served from where it is. */
  readonly storage: (typeof STORAGE_NAMES)[number]
  /** Absent: there is no account. */
  readonly imagekit: ImagekitAccount | undefined
  readonly policy: Policy
  readonly access: Omit<Access, 'publicUrl'>
  readonly pace: Pace
  readonly headerTimeoutSeconds: number
  /** Whether the server does the jobs itself. */
  readonly worker: 'inline' | 'off'
  readonly reapEverySeconds: number
  readonly logLevel: string
  /** Absent: for people at a terminal, else JSON. */
  readonly logFormat: (typeof LOG_FORMATS)[number] | undefined
}

export interface ImagekitAccount {
  readonly privateKey: string
  readonly urlEndpoint: string
  /** Begins with a slash and doesn't end with one; installations have a folder each below it. */
  readonly folder: string
  readonly uploadUrl: string | undefined
  readonly apiUrl: string | undefined
  readonly isPrivate: boolean
  /** Whether files are gathered on disk before they are sent. */
  readonly spools: boolean
}

/** One line for a person: which variable is wrong, why, and what it takes. */
export interface InvalidVariable {
  readonly type: 'invalid-variable'
  readonly message: string
}

export const STORAGE_NAMES = ['filesystem', 'imagekit'] as const
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const LOG_FORMATS = ['json', 'pretty'] as const

/** Set, they would promise what this version does not do. */
const NOT_YET = ['API_KEYS']

export function readConfig(env: Env): Result<Config, InvalidVariable> {
  const read = new Reader(env)
  const host = read.text('HOST', '127.0.0.1')
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  const publicUrl = read.optional('PUBLIC_URL', parseUrl(['http:', 'https:']))
  const imagekit = readImagekit(read)
  const storage = read.parsed('STORAGE', imagekit ? 'imagekit' : 'filesystem', oneOf(STORAGE_NAMES))
  const publicHost = publicUrl === undefined ? [] : [new URL(publicUrl).hostname]
  const config: Config = {
    host,
    port: read.parsed('PORT', 8000, wholeNumber(0, 65_535)),
    publicUrl,
    dataDir: resolve(read.text('DATA_DIR', './data')),
    databaseUrl: read.optional('DATABASE_URL', parseUrl(['postgres:', 'postgresql:'])),
    mongodbUrl: read.optional('MONGODB_URL', parseMongoAddress),
    redis: readRedis(read),
    storage,
    imagekit,
    showsLocation: read.parsed('METADATA_LOCATION', 'private', oneOf(['private', 'public'])) === 'public',
    policy: {
      ...DEFAULT_POLICY,
      maxFileSize: read.parsed(
        'MAX_FILE_SIZE',
        storage === 'imagekit' ? SMALLEST_PLAN : DEFAULT_POLICY.maxFileSize,
        parseSize,
      ),
      allowedTypes: read.parsed('ALLOWED_TYPES', DEFAULT_TYPES, parseTypes),
      leaseSeconds: read.parsed('UPLOAD_LEASE_SECONDS', DEFAULT_POLICY.leaseSeconds, wholeNumber(1, 86_400)),
      forgetAfterSeconds: read.parsed(
        'FORGET_AFTER_SECONDS',
        DEFAULT_POLICY.forgetAfterSeconds,
        wholeNumber(1, 31_536_000),
      ),
    },
    access: {
      hosts: [...read.parsed('ALLOWED_HOSTS', [], parseHosts), ...publicHost],
      anonymousScopes: read.parsed('ANONYMOUS_SCOPES', isLoopback ? SCOPES : [], parseScopes),
      loopbackOnly: isLoopback,
    },
    pace: {
      idleSeconds: read.parsed('IDLE_TIMEOUT_SECONDS', 15, wholeNumber(1, 3600)),
      minRate: read.parsed('MIN_UPLOAD_RATE', 4096, parseSize),
    },
    worker: read.parsed('WORKER', 'inline', oneOf(['inline', 'off'])),
    reapEverySeconds: read.parsed('REAP_EVERY_SECONDS', 30, wholeNumber(1, 3600)),
    headerTimeoutSeconds: read.parsed('HEADER_TIMEOUT_SECONDS', 10, wholeNumber(1, 3600)),
    logLevel: read.parsed('LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
    logFormat: read.optional('LOG_FORMAT', oneOf(LOG_FORMATS)),
  }
  if (storage === 'imagekit' && !imagekit) read.fail('STORAGE', 'can be imagekit only with IMAGEKIT_PRIVATE_KEY')
  if (config.worker === 'off' && config.databaseUrl === undefined)
    read.fail('WORKER', 'can be off only with DATABASE_URL: nobody else can do the jobs of an embedded database')
  for (const name of NOT_YET) if (env[name]) read.fail(name, 'is not supported by this version; remove it')
  if (!isLoopback && !env['ANONYMOUS_SCOPES'])
    read.fail(
      'HOST',
      `${host} can be reached from other machines, where anybody could use it without a key; set ANONYMOUS_SCOPES to what everybody may do (read+upload, for example), or listen on 127.0.0.1`,
    )
  return read.fault === undefined ? ok(config) : err({ type: 'invalid-variable', message: read.fault })
}

/** What ImageKit's free plan takes of anything but videos, in bytes: https://imagekit.io/docs/limits */
const SMALLEST_PLAN = 25_000_000

function readImagekit(read: Reader): ImagekitAccount | undefined {
  const privateKey = read.text('IMAGEKIT_PRIVATE_KEY', '')
  const urlEndpoint = read.optional('IMAGEKIT_URL_ENDPOINT', parseUrl(['https:', 'http:']))?.replace(/\/+$/, '')
  const account = {
    privateKey,
    urlEndpoint: urlEndpoint ?? '',
    folder: read.parsed('IMAGEKIT_FOLDER', '/media', parseFolder),
    uploadUrl: read.optional('IMAGEKIT_UPLOAD_URL', parseUrl(['https:', 'http:'])),
    apiUrl: read.optional('IMAGEKIT_API_URL', parseUrl(['https:', 'http:'])),
    isPrivate: read.parsed('IMAGEKIT_PRIVATE', 'off', oneOf(['on', 'off'])) === 'on',
    spools: read.parsed('IMAGEKIT_UPLOAD', 'stream', oneOf(['stream', 'spool'])) === 'spool',
  }
  if (privateKey === '') return undefined
  if (urlEndpoint === undefined)
    read.fail(
      'IMAGEKIT_URL_ENDPOINT',
      'is needed with IMAGEKIT_PRIVATE_KEY: https://ik.imagekit.io/ and the name of the account',
    )
  return account
}

const parseFolder: Parse<string> = (raw) => {
  const parts = raw.split('/').filter((part) => part !== '')
  return parts.length <= 49 && parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))
    ? ok(`/${parts.join('/')}`)
    : err('a folder such as /media, of letters, digits, - and _')
}

function readRedis(read: Reader): Config['redis'] {
  const url = read.optional('REDIS_URL', parseUrl(['redis:', 'rediss:']))
  const prefix = read.text('REDIS_PREFIX', 'mediaport:')
  const ttlSeconds = read.optional('TITLE_TTL_SECONDS', wholeNumber(1, 999_999_999))
  return url === undefined ? undefined : { url, prefix, ttlSeconds }
}

/** A media type may have a plus sign in its name. */
const parseTypes: Parse<readonly ContentType[]> = (raw) => {
  const names = raw.split(/[\s,]+/).filter((name) => name !== '')
  const types = names.flatMap((name) =>
    name === 'default' ? DEFAULT_TYPES : KNOWN_TYPES.filter((type) => type === name),
  )
  return names.every((name) => name === 'default' || KNOWN_TYPES.some((type) => type === name))
    ? ok([...new Set(types)])
    : err(`"default" and media types out of ${KNOWN_TYPES.join(', ')}`)
}

const parseScopes: Parse<readonly Scope[]> = (raw) => {
  const scopes = SCOPES.filter((scope) => words(raw).includes(scope))
  return raw === 'none' || scopes.length === words(raw).length
    ? ok(scopes)
    : err(`"none", or some of ${SCOPES.join('+')}`)
}

const parseHosts: Parse<readonly string[]> = (raw) => {
  const hosts = words(raw.toLowerCase())
  return hosts.every((host) => /^[a-z0-9.-]+$/.test(host) || isIP(host.replace(/^\[|\]$/g, '')) === 6)
    ? ok(hosts)
    : err('host names without port, separated by commas')
}
