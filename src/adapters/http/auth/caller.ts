import type { ResultAsync } from 'neverthrow'
import { EVERYONE, type OwnerScope } from '../../../application/owner.ts'
import type { UploadLimits } from '../../../application/policy.ts'
import type { Unavailable } from '../../../application/ports/unavailable.ts'

/**
 * What a caller may do. `delegate` allows to make tokens, `metrics` to read the metrics of the server. With `admin` the media
 * items of all owners exist for the caller; what it may do with them is decided by its other scopes.
 */
export const SCOPES = ['read', 'upload', 'write', 'delete', 'delegate', 'metrics', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** What every program on this machine may do while no credentials are configured. */
export const LOCAL_SCOPES: readonly Scope[] = ['read', 'upload', 'write', 'delete', 'metrics']

/** The sender of a request. */
export interface Caller {
  /** Owns what the caller uploads. Not empty. */
  readonly owner: string
  readonly scopes: readonly Scope[]
  readonly limits?: CallerLimits | undefined
  /** Whether the credentials are in the address of the request. Pages of other sites may use such an address. */
  readonly isLink?: boolean
}

/** What a token allows less than its scopes do. */
export interface CallerLimits extends UploadLimits {
  /** The id of the only media item that the caller may use. */
  readonly media?: string | undefined
  /** When the credentials end. Tokens that the caller makes end then at the latest. */
  readonly expiresAt?: Date | undefined
  /** How a browser must show content that the caller reads. */
  readonly disposition?: Disposition | undefined
}

export type Disposition = 'inline' | 'attachment'

/** The owner of what callers without credentials upload. */
export const ANONYMOUS = 'anonymous'

/** Whose media items exist for the caller. */
export const ownerScope = ({ owner, scopes }: Caller): OwnerScope => (scopes.includes('admin') ? EVERYONE : owner)

/** The head of a request, which a `node:http` request fits. */
export interface RequestHead {
  readonly method?: string | undefined
  /** The path and the query, as sent. */
  readonly url?: string | undefined
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** The request has credentials, but they are not valid. */
export interface Unauthenticated {
  readonly type: 'unauthenticated'
}

/** The credentials were valid. */
export interface TokenExpired {
  readonly type: 'token-expired'
}

/**
 * Returns the sender of a request, or `undefined` if the request has no credentials. It is called before the body is read.
 * It must not return a caller if it cannot check the credentials: it errs with `unavailable`.
 *
 * @example
 * const authenticate: Authenticate = ({ headers }) =>
 *   okAsync(sessions.get(headers.cookie)).map((user) => user && { owner: user.id, scopes: ['read', 'upload'] })
 */
export type Authenticate = (
  request: RequestHead,
) => ResultAsync<Caller | undefined, Unauthenticated | TokenExpired | Unavailable>
