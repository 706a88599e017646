/**
 * What the vendor's documents leave open: each is tried both ways. The first value is what we expect.
 * `[?]` in the table of docs/imagekit.md.
 */
export interface Switches {
  /** Whether delivery answers a range with 206, or with all of it and 200. */
  readonly ranges: boolean
  /** Whether raw files and videos can be private, as pictures can. */
  readonly privateRawFiles: boolean
  /** Whether an upload may come without a Content-Length (else 411). */
  readonly chunkedUploads: boolean
  /** Whether a file of no bytes is refused (else it is kept). */
  readonly refusesEmptyFiles: boolean
  /** Whether a file that is too large is refused as soon as that is known, and the connection closed (else after its end). */
  readonly refusesEarly: boolean
  /** How long a new file is missing from lists, and a deleted one still in them, in ms. */
  readonly listLag: number
}

export const EXPECTED: Switches = {
  ranges: true,
  privateRawFiles: true,
  chunkedUploads: true,
  refusesEmptyFiles: true,
  refusesEarly: false,
  listLag: 0,
}

/** What goes wrong with the requests to come, until it is cleared. */
export type Fault =
  /** The upload is kept, and the connection cut instead of an answer. */
  | { readonly type: 'answer lost' }
  /** @param ms what `X-RateLimit-Reset` says; @param times how often. */
  | { readonly type: 'rate limit'; readonly ms: number; times: number }
  | { readonly type: 'error page'; readonly status: 500 | 502 | 503 | 504 }
  | { readonly type: 'no answer' }
  | { readonly type: 'reset'; readonly afterBytes: number }
  /** Answers at once, before the body was read, and closes. */
  | { readonly type: 'early refusal'; readonly status: 400 | 403 }
  /** Accepted, not finished: an answer without a file. */
  | { readonly type: 'accepted' }
  | { readonly type: 'wrong size' }
  | { readonly type: 'slow receiver'; readonly bytesPerSecond: number }
