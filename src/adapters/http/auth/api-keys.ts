import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { err, errAsync, ok, okAsync, type Result } from 'neverthrow'
import type { VerifyBearer } from './bearer.ts'
import { ANONYMOUS, SCOPES, type Scope } from './caller.ts'

/** An API key without its secret. */
export interface ApiKey {
  /** The owner of what the key uploads. Several keys of one name can be valid at the same time, to replace one. */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** The SHA-256 of the whole key. */
  readonly digest: Buffer
}

const NAME = /^[a-z0-9-]{1,40}$/
const ENTRY = /^(?<name>[^:]*):(?<scopes>[^:]*):(?<digest>[0-9a-f]{64})$/

/** What a name or a list of scopes must be, for messages. */
export const KEY_NAME = `1 to 40 lower-case letters, digits and hyphens, and not "${ANONYMOUS}"`
export const SCOPE_LIST = `one or more of ${SCOPES.join(', ')}`

/** Accepts keys of the form `mp_<name>_<secret>`. Digests are compared in constant time. */
export const verifyApiKey =
  (keys: readonly ApiKey[]): VerifyBearer =>
  (token) => {
    if (!token.startsWith('mp_')) return undefined
    const digest = digestOf(token)
    const found = keys.find((key) => timingSafeEqual(key.digest, digest))
    return found ? okAsync({ owner: found.name, scopes: found.scopes }) : errAsync({ type: 'unauthenticated' })
  }

/**
 * Creates a key with a secret of 256 random bits.
 *
 * @returns The key, which is shown once, and its entry for `API_KEYS`, which does not reveal it. The error says what the name
 *   or the scopes must be.
 */
export function createApiKey(name: string, scopes: readonly string[]): Result<{ key: string; entry: string }, string> {
  if (!isName(name)) return err(`The name must be ${KEY_NAME}.`)
  if (!areScopes(scopes)) return err(`The scopes must be ${SCOPE_LIST}.`)
  const key = `mp_${name}_${randomBytes(32).toString('base64url')}`
  return ok({ key, entry: `${name}:${scopes.join('+')}:${digestOf(key).toString('hex')}` })
}

/** Parses an entry of `API_KEYS`: `name:read+upload:<SHA-256 of the key in hexadecimal>`. */
export function parseApiKey(entry: string): ApiKey | undefined {
  const { name = '', scopes = '', digest = '' } = ENTRY.exec(entry)?.groups ?? {}
  const list = scopes.split('+')
  return isName(name) && areScopes(list) ? { name, scopes: list, digest: Buffer.from(digest, 'hex') } : undefined
}

const isName = (name: string): boolean => NAME.test(name) && name !== ANONYMOUS

const areScopes = (names: readonly string[]): names is readonly Scope[] =>
  names.length > 0 && names.every((name) => SCOPES.some((scope) => scope === name))

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest()
