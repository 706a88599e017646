import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, rateLimited } from './answers.ts'

/** A fault that affects every following request until it is cleared. */
export type Fault =
  /** Stores the upload and closes the connection without an answer. */
  | { readonly type: 'answer lost' }
  /** @param ms The value of `X-RateLimit-Reset`. @param times The number of requests that fail. */
  | { readonly type: 'rate limit'; readonly ms: number; times: number }
  | { readonly type: 'error page'; readonly status: 500 | 502 | 503 }
  /** Reads the request and never answers. */
  | { readonly type: 'no answer' }
  | { readonly type: 'reset'; readonly afterBytes: number }
  /** Stops reading and keeps the connection open. */
  | { readonly type: 'stops reading'; readonly afterBytes: number }
  /** Answers before the body was read, and closes the connection. */
  | { readonly type: 'early refusal'; readonly status: 400 | 403 }
  /** Stores the upload and answers 202 without a `fileId`. */
  | { readonly type: 'accepted' }
  /** Stores the upload and answers with a size that is one byte too small. */
  | { readonly type: 'wrong size' }
  | { readonly type: 'slow receiver'; readonly bytesPerSecond: number }

/** @returns Whether the fault has replaced the answer. */
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
      await readBytes(req, fault.afterBytes)
      req.socket.resetAndDestroy()
      return true
    case 'stops reading':
      await readBytes(req, fault.afterBytes)
      return true
    case 'early refusal':
      throw new ApiError(
        fault.status,
        fault.status === 403 ? 'Your storage quota has been exceeded.' : 'Invalid file parameter',
      )
    default:
      return false
  }
}

async function readBytes(req: IncomingMessage, count: number): Promise<void> {
  let size = 0
  while (size < count) {
    const chunk: Buffer | null = req.read()
    if (chunk) size += chunk.length
    else await once(req, 'readable')
  }
}
