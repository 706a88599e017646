import { APIError } from '@imagekit/nodejs'
import type { InsufficientStorage, StorageRefused } from '../../application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'

/** ImageKit's own words on a path that is taken; on a fresh key they mean that an earlier answer to the same put was lost. */
const TAKEN = /same name already exists/i
const QUOTA = /quota|storage (limit|space)|exceeded .*(plan|limit)/i
/** Not for good: a timeout of theirs, somebody else at the same path, a locked folder, too many requests. */
const PASSING = new Set([408, 409, 423, 429])
/** So that a wrong header doesn't stop everything, in ms. */
const DEFAULT_WAIT = 1000

/** What the storage says to an upload that it did not take. https://imagekit.io/docs/api-reference/upload-file/upload-file */
export function toPutError(cause: unknown): StorageRefused | InsufficientStorage | Unavailable {
  const told = toCause(cause)
  if (isDiskFull(cause)) return { type: 'insufficient-storage', cause: told }
  if (!(cause instanceof APIError) || cause.status === undefined) return unavailable('storage')(told)
  const { status, message } = cause
  if (status >= 500 || status < 400 || PASSING.has(status)) return unavailable('storage')(told)
  if (status === 400 && TAKEN.test(message)) return unavailable('storage')(told)
  if (status === 403 && QUOTA.test(message)) return { type: 'insufficient-storage', cause: told }
  return { type: 'storage-error', cause: told }
}

/** Of the machine that spools it. */
const isDiskFull = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')

export const isMissing = (cause: unknown): boolean => cause instanceof APIError && cause.status === 404

/** How long a rate limit asks to wait, in ms; nothing where it is none. `X-RateLimit-Reset` is a duration in ms. */
export function mayAskAgainAfter(cause: unknown): number | undefined {
  if (!(cause instanceof APIError) || cause.status !== 429) return undefined
  const wait = Number(cause.headers?.get('x-ratelimit-reset') ?? Number.NaN)
  return Number.isFinite(wait) && wait >= 0 ? wait : DEFAULT_WAIT
}

/** One line for the log, and nothing of the request, which has the key in it. */
export function toCause(cause: unknown): Error {
  if (cause instanceof APIError && cause.status !== undefined) {
    const request = cause.headers?.get('x-ik-requestid')
    return new Error(`ImageKit answered ${oneLine(cause.message)}${request ? ` (request ${request})` : ''}`)
  }
  // What went wrong in the network is told by the innermost of several errors.
  if (cause instanceof Error && cause.cause instanceof Error) return toCause(cause.cause)
  return new Error(`ImageKit: ${oneLine(cause instanceof Error ? cause.message || cause.name : String(cause))}`)
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)
