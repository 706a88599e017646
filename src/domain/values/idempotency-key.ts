import { err, ok, type Result } from 'neverthrow'

/** What a client calls one upload, so that it can send it again: 1–255 visible ASCII characters. */
export type IdempotencyKey = string & { readonly __brand: 'IdempotencyKey' }

export interface BadIdempotencyKey {
  readonly type: 'bad-idempotency-key'
}

/** Quotes around it, as a structured header has them (RFC 9651 section 3.3.3), are no part of it. */
export function parseIdempotencyKey(raw: string): Result<IdempotencyKey, BadIdempotencyKey> {
  const key = /^"(.*)"$/.exec(raw)?.[1] ?? raw
  return /^[\x21-\x7E]{1,255}$/.test(key) ? ok(key as IdempotencyKey) : err({ type: 'bad-idempotency-key' })
}
