import { errAsync, ok, okAsync, type ResultAsync } from 'neverthrow'
import type { Unavailable } from '../../../application/ports/unavailable.ts'
import type { Authenticate, Caller, TokenExpired, Unauthenticated } from './caller.ts'

/** Returns the caller that a bearer token stands for, or `undefined` if the token is of another kind. */
export type VerifyBearer = (
  token: string,
) => ResultAsync<Caller, Unauthenticated | TokenExpired | Unavailable> | undefined

/** RFC 6750 section 2.1. */
const BEARER = /^Bearer +([\w.~+/-]+=*)$/i
const MAX_TOKEN_CHARACTERS = 8192

/** Authenticates by the `Authorization` header. A header that no verifier accepts is refused. */
export const authenticateBearer =
  (verifiers: readonly VerifyBearer[]): Authenticate =>
  ({ headers: { authorization } }) => {
    if (authorization === undefined) return okAsync(undefined)
    const token = BEARER.exec(String(authorization))?.[1] ?? ''
    if (token.length <= MAX_TOKEN_CHARACTERS)
      for (const verify of verifiers) {
        const caller = verify(token)
        if (caller) return caller
      }
    return errAsync({ type: 'unauthenticated' })
  }

/** Returns the caller of the first authenticator that finds credentials. */
export const firstOf =
  (authenticators: readonly Authenticate[]): Authenticate =>
  (request) =>
    authenticators.reduce<ReturnType<Authenticate>>(
      (found, next) => found.andThen((caller) => (caller ? ok(caller) : next(request))),
      okAsync(undefined),
    )
