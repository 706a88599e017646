import type { Context } from 'koa'
import { err, ok, type Result } from 'neverthrow'
import type { Unavailable } from '../../../application/ports/unavailable.ts'
import type { HttpRefusal } from '../problem.ts'
import {
  ANONYMOUS,
  type Authenticate,
  type Caller,
  type Scope,
  type TokenExpired,
  type Unauthenticated,
} from './caller.ts'

type AuthorizeError = Unauthenticated | TokenExpired | Unavailable | HttpRefusal<'forbidden'>

/**
 * Returns the caller if it has `scope` and no limit excludes the media item of the path.
 *
 * @param anonymousScopes What a caller without credentials may do.
 */
export async function authorize(
  ctx: Context,
  scope: Scope,
  authenticate: Authenticate,
  anonymousScopes: readonly Scope[],
): Promise<Result<Caller, AuthorizeError>> {
  if (hasTwoCredentials(ctx)) return err(UNAUTHENTICATED)
  const authenticated = await authenticate(ctx.req)
  if (authenticated.isErr()) return err(authenticated.error)
  const caller = authenticated.value ?? { owner: ANONYMOUS, scopes: anonymousScopes }
  if (!caller.scopes.includes(scope)) return err(authenticated.value ? missingScope(scope) : UNAUTHENTICATED)
  const media = caller.limits?.media
  return media === undefined || media === ctx['params'].id ? ok(caller) : err(OTHER_MEDIA)
}

const UNAUTHENTICATED: Unauthenticated = { type: 'unauthenticated' }

const OTHER_MEDIA = { type: 'forbidden', detail: 'The credentials are for one other media item only.' } as const

/** node:http keeps the first of several `Authorization` lines. A proxy may have checked another one. */
const hasTwoCredentials = ({ req: { rawHeaders } }: Context): boolean =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization').length > 1

/** RFC 6750 section 3.1. */
const missingScope = (scope: Scope): HttpRefusal<'forbidden'> => ({
  type: 'forbidden',
  detail: `The credentials lack the scope "${scope}".`,
  headers: { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
})
