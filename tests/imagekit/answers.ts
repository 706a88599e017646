import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'

const HELP = 'For support kindly contact us at support@imagekit.io .'

/** What is answered in JSON, with what the vendor adds to each error [S]. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly more: object

  constructor(
    status: number,
    message: string,
    reason?: string,
    headers: Readonly<Record<string, string>> = {},
    more = {},
  ) {
    super(message)
    this.status = status
    this.reason = reason
    this.headers = headers
    this.more = more
  }

  get body(): object {
    return { message: this.message, help: HELP, ...(this.reason && { reason: this.reason }), ...this.more }
  }
}

export function send(
  res: ServerResponse,
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = body === undefined ? '' : JSON.stringify(body)
  res.writeHead(status, {
    'x-ik-requestid': randomUUID(),
    'access-control-allow-origin': '*',
    ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    ...headers,
  })
  res.end(text)
}
