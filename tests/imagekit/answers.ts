import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** The second field of each error, beside `message` [S]. */
export const HELP = 'For support kindly contact us at support@imagekit.io .'

/** An error answer of the API. */
export class ApiError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** For features of ImageKit that mediaport does not use. The local server never ignores a parameter. */
export const unsupported = (feature: string): ApiError =>
  new ApiError(501, `${feature} is not supported by the local ImageKit server. See docs/imagekit.md.`)

/** `X-RateLimit-Reset` is a duration in milliseconds [S]. */
export const rateLimited = (limit: number, resetMs: number): ApiError =>
  new ApiError(429, 'You have made too many requests', {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-reset': String(resetMs),
    'x-ratelimit-interval': '1000',
  })

export function send(
  res: ServerResponse,
  status: number,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, {
    'x-ik-requestid': randomUUID(),
    ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    ...headers,
  })
  res.end(body === undefined ? '' : JSON.stringify(body))
}
