import type { IncomingMessage } from 'node:http'
import type { Context } from 'koa'

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
export async function disturb(ctx: Context, fault: Fault): Promise<boolean> {
  switch (fault.type) {
    case 'rate limit':
      return fault.times-- > 0 && limitRate(ctx, 20, fault.ms)
    case 'early refusal':
      return ctx.throw(fault.status, fault.status === 403 ? 'Your storage quota has been exceeded.' : 'Invalid file')
    case 'error page':
      ctx.req.resume()
      ctx.remove('X-Ik-RequestId')
      ctx.status = fault.status
      ctx.body = '<html><head><title>Bad Gateway</title></head></html>'
      return true
    case 'no answer':
      ctx.req.resume()
      ctx.respond = false
      return true
    case 'stops reading':
    case 'reset':
      await readBytes(ctx.req, fault.afterBytes)
      ctx.respond = false
      if (fault.type === 'reset') ctx.req.socket.resetAndDestroy()
      return true
    default:
      return false
  }
}

/** Changes the answer to an upload that was stored. */
export function falsify(ctx: Context, fault: Fault): void {
  if (fault.type === 'answer lost') ctx.res.destroy()
  if (fault.type === 'wrong size') (ctx.body as { size: number }).size--
  if (fault.type !== 'accepted') return
  ctx.status = 202
  ctx.body = { message: 'Your request has been queued.' }
}

/** `X-RateLimit-Reset` is a duration in milliseconds [S]. */
export const limitRate = (ctx: Context, limit: number, resetMs: number): never =>
  ctx.throw(429, 'You have made too many requests', {
    headers: { 'x-ratelimit-limit': limit, 'x-ratelimit-reset': resetMs, 'x-ratelimit-interval': 1000 },
  })

async function readBytes(req: IncomingMessage, count: number): Promise<void> {
  let size = 0
  for await (const chunk of req.iterator({ destroyOnReturn: false })) if ((size += chunk.length) >= count) return
}
