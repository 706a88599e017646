import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from './answers.ts'

/** What goes wrong with the requests to come, until it is cleared. */
export type Fault =
  /** The upload is kept, and the connection cut instead of an answer. */
  | { readonly type: 'answer lost' }
  /** @param ms what `X-RateLimit-Reset` says; @param times how often. */
  | { readonly type: 'rate limit'; readonly ms: number; times: number }
  | { readonly type: 'error page'; readonly status: 500 | 502 | 503 | 504 }
  | { readonly type: 'no answer' }
  | { readonly type: 'reset'; readonly afterBytes: number }
  /** Takes no more bytes, and holds the connection. */
  | { readonly type: 'stops reading'; readonly afterBytes: number }
  /** Answers at once, before the body was read, and closes. */
  | { readonly type: 'early refusal'; readonly status: 400 | 403 }
  /** Accepted, not finished: an answer without a file. */
  | { readonly type: 'accepted' }
  | { readonly type: 'wrong size' }
  | { readonly type: 'slow receiver'; readonly bytesPerSecond: number }
  /** Of many that are to be deleted, the last one is not: 207. */
  | { readonly type: 'partial success' }

/** `X-RateLimit-Reset` is a duration in ms [S]. */
export const rateLimited = (limit: number, ms: number): Refusal =>
  new Refusal(429, 'You have made too many requests', undefined, {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-reset': String(ms),
    'x-ratelimit-interval': '1000',
  })

/** @returns whether nothing more is to be done. */
export async function disturb(req: IncomingMessage, res: ServerResponse, fault: Fault): Promise<boolean> {
  switch (fault.type) {
    case 'rate limit':
      if (fault.times-- <= 0) return false
      throw rateLimited(20, fault.ms)
    case 'error page':
      req.resume()
      res.writeHead(fault.status, { 'content-type': 'text/html' })
      res.end('<html><head><title>Bad Gateway</title></head></html>')
      return true
    case 'no answer':
      req.resume()
      return true
    case 'reset':
      await taken(req, fault.afterBytes)
      req.socket.resetAndDestroy()
      return true
    case 'stops reading':
      await taken(req, fault.afterBytes)
      return true
    case 'early refusal':
      throw new Refusal(
        fault.status,
        fault.status === 403 ? 'Your storage quota has been exceeded.' : 'Invalid file parameter',
      )
    default:
      return false
  }
}

/** Settles when so many bytes have come, and takes no more. */
async function taken(req: IncomingMessage, bytes: number): Promise<void> {
  let read = 0
  while (read < bytes) {
    const chunk: Buffer | null = req.read()
    if (chunk) read += chunk.length
    else await once(req, 'readable')
  }
}
