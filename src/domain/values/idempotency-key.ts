import { err, ok, type Result } from 'neverthrow'

/** A client's identifier for one upload, which makes repeating it safe: 1 to 255 visible ASCII characters. */
export type IdempotencyKey = string & { readonly __brand: 'IdempotencyKey' }

export interface BadIdempotencyKey {
  readonly type: 'bad-idempotency-key'
}

/** Removes the quotes around a string of a structured header field (RFC 9651 section 3.3.3). */
export function parseIdempotencyKey(raw: string): Result<IdempotencyKey, BadIdempotencyKey> {
  const key = /^"(.*)"$/.exec(raw)?.[1] ?? raw
  return /^[\x21-\x7E]{1,255}$/.test(key) ? ok(key as IdempotencyKey) : err({ type: 'bad-idempotency-key' })
}
