import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { isOwner } from '../../../application/owner.ts'
import { type Unavailable, unavailable } from '../../../application/ports/unavailable.ts'
import type { VerifyBearer } from './bearer.ts'
import { ANONYMOUS, type Caller, SCOPES, type Scope, type TokenExpired, type Unauthenticated } from './caller.ts'

/** Which JSON Web Tokens are accepted (RFC 7519). */
export interface JwtOptions {
  /** The address of the identity provider's keys (RFC 7517), or the secret that it shares with this server. */
  readonly keys: { readonly jwksUrl: string } | { readonly secret: string }
  /** The claim `iss` must be equal to it. */
  readonly issuer: string
  /** The claim `aud` must contain it. */
  readonly audience: string
  /** What a caller may do whose claim `scope` names no scope of this server. */
  readonly defaultScopes: readonly Scope[]
}

type VerifyError = Unauthenticated | TokenExpired | Unavailable

/** The algorithms of RFC 7518 and RFC 8037 by kind of key, so that a public key is never used as a secret. */
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const SYMMETRIC = ['HS256', 'HS384', 'HS512']
const CLOCK_TOLERANCE_SECONDS = 5
const JWKS_TIMEOUT_MS = 3000
const RETRY_AFTER_MS = 30_000
/** The latest time that a `Date` can have. */
const MAX_SECONDS = 8.64e12

/**
 * Accepts the tokens of an identity provider. `sub` is the owner. `exp` is required. Keys are fetched when the first token
 * arrives, and from then on at most twice a minute, when a token names an unknown key or the keys are ten minutes old. While
 * the provider does not answer, tokens of known keys are accepted; others err with `unavailable`.
 */
export function verifyJwt(options: JwtOptions): VerifyBearer {
  const verifier = createVerifier(options)
  return (token) => (isJwt(token) ? new ResultAsync(verifier(token)) : undefined)
}

/** Three parts in canonical base64url: other spellings of the same bytes are not accepted. */
export const isJwt = (token: string): boolean => {
  const parts = token.split('.')
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}

const createVerifier = ({ keys, issuer, audience, defaultScopes }: JwtOptions) => {
  const limits = { issuer, audience, requiredClaims: ['exp', 'sub'], clockTolerance: CLOCK_TOLERANCE_SECONDS }
  let verify: Promise<(token: string) => Promise<{ payload: JWTPayload }>> | undefined
  /** jose is loaded when the first token arrives, because most servers need none of it. */
  const load = async () => {
    const jose = await import('jose')
    if ('secret' in keys) {
      const secret = Buffer.from(keys.secret)
      return (token: string) => jose.jwtVerify(token, secret, { ...limits, algorithms: SYMMETRIC })
    }
    const remote = jose.createRemoteJWKSet(new URL(keys.jwksUrl), { timeoutDuration: JWKS_TIMEOUT_MS })
    let failedAt = Number.NEGATIVE_INFINITY
    const findKey: JWTVerifyGetKey = async (header, input) => {
      // For a while after a failure only known keys are asked, so that a provider that hangs does not delay each request.
      let failure: unknown = new Error('The identity provider did not answer a moment ago.')
      if (remote.jwks() === undefined || Date.now() - failedAt > RETRY_AFTER_MS)
        try {
          return await remote(header, input)
        } catch (error) {
          if (isOfToken(error)) throw error
          failedAt = Date.now()
          failure = error
        }
      const known = remote.jwks()
      if (!known) throw failure
      return await jose
        .createLocalJWKSet(known)(header, input)
        .catch(() => {
          throw failure
        })
    }
    return (token: string) => jose.jwtVerify(token, findKey, { ...limits, algorithms: ASYMMETRIC })
  }
  return async (token: string): Promise<Result<Caller, VerifyError>> => {
    try {
      verify ??= load()
      const { payload } = await (await verify)(token)
      return toCaller(payload, defaultScopes)
    } catch (error) {
      return err(toError(error))
    }
  }
}

function toCaller(
  { sub, scope, exp = 0 }: JWTPayload,
  defaultScopes: readonly Scope[],
): Result<Caller, Unauthenticated> {
  if (!isOwner(sub) || sub === ANONYMOUS) return err({ type: 'unauthenticated' })
  // Another form than that of RFC 8693 section 4.2 grants nothing.
  if (scope !== undefined && typeof scope !== 'string') return ok({ owner: sub, scopes: [] })
  const words = scope?.split(' ') ?? []
  const scopes = SCOPES.filter((each) => words.includes(each))
  const limits = { expiresAt: new Date(Math.min(exp, MAX_SECONDS) * 1000) }
  return ok({ owner: sub, scopes: scopes.length > 0 ? scopes : defaultScopes, limits })
}

function toError(error: unknown): VerifyError {
  if (codeOf(error) === 'ERR_JWT_EXPIRED') return { type: 'token-expired' }
  return isOfToken(error) ? { type: 'unauthenticated' } : unavailable('identity-provider')(error)
}

/** Whether the token is at fault. All other errors are those of fetching the keys. */
const isOfToken = (error: unknown): boolean =>
  /^ERR_(JWT|JWS|JOSE_(ALG_NOT_ALLOWED|NOT_SUPPORTED)|JWKS_(NO_MATCHING_KEY|MULTIPLE_MATCHING_KEYS))/.test(
    codeOf(error),
  )

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')
