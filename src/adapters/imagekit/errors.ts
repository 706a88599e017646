import { APIError } from '@imagekit/nodejs'
import type { InsufficientStorage, StorageRefused } from '../../application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'

/** The message if the path exists. Because keys are never used twice, the answer to the same `put` was lost before. */
const PATH_EXISTS_MESSAGE = /same name already exists/i
/** The message if the plan's storage is full. */
const QUOTA_MESSAGE = /quota|storage (limit|space)|exceeded .*(plan|limit)/i
/** Temporary errors: a timeout of the server, a conflict at the path, a locked folder, too many requests. */
const TEMPORARY_STATUSES = new Set([408, 409, 423, 429])
/** The delay if `X-RateLimit-Reset` is missing or invalid: a wrong header must not prevent the retry. */
const DEFAULT_DELAY_MS = 1000

/** Maps the error of an upload (https://imagekit.io/docs/api-reference/upload-file/upload-file). */
export function toPutError(cause: unknown): StorageRefused | InsufficientStorage | Unavailable {
  const error = toCause(cause)
  if (isDiskFull(cause)) return { type: 'insufficient-storage', cause: error }
  if (!(cause instanceof APIError) || cause.status === undefined) return unavailable('storage')(error)
  const { status, message } = cause
  if (status >= 500 || status < 400 || TEMPORARY_STATUSES.has(status)) return unavailable('storage')(error)
  if (status === 400 && PATH_EXISTS_MESSAGE.test(message)) return unavailable('storage')(error)
  if (status === 403 && QUOTA_MESSAGE.test(message)) return { type: 'insufficient-storage', cause: error }
  return { type: 'storage-error', cause: error }
}

/** Whether the disk with the spool folder is full. */
const isDiskFull = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')

export const isMissing = (cause: unknown): boolean => cause instanceof APIError && cause.status === 404

/**
 * Returns how many milliseconds to wait if the error is a rate limit, else `undefined`. The header `X-RateLimit-Reset`
 * is a duration in milliseconds.
 */
export function rateLimitDelayMs(cause: unknown): number | undefined {
  if (!(cause instanceof APIError) || cause.status !== 429) return undefined
  const waitMs = Number(cause.headers?.get('x-ratelimit-reset') ?? Number.NaN)
  return Number.isFinite(waitMs) && waitMs >= 0 ? waitMs : DEFAULT_DELAY_MS
}

/** Makes an error of one line for the log. It contains nothing of the request, which includes the private key. */
export function toCause(cause: unknown): Error {
  if (cause instanceof APIError && cause.status !== undefined) {
    const request = cause.headers?.get('x-ik-requestid')
    return new Error(`ImageKit answered ${oneLine(cause.message)}${request ? ` (request ${request})` : ''}`)
  }
  // Network errors are nested. The innermost one names the reason.
  if (cause instanceof Error && cause.cause instanceof Error) return toCause(cause.cause)
  return new Error(`ImageKit: ${oneLine(cause instanceof Error ? cause.message || cause.name : String(cause))}`)
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 200)
