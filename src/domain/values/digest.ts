import { err, ok, type Result } from 'neverthrow'

/** A SHA-256 digest (FIPS 180-4): 64 lower-case hexadecimal digits. */
export type Sha256 = string & { readonly __brand: 'Sha256' }

export interface InvalidSha256 {
  readonly type: 'invalid-sha256'
}

/** Accepts upper and lower case. */
export function parseSha256(raw: string): Result<Sha256, InvalidSha256> {
  return /^[0-9a-f]{64}$/i.test(raw) ? ok(raw.toLowerCase() as Sha256) : err({ type: 'invalid-sha256' })
}
