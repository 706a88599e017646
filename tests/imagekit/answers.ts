import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'

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

/** ImageKit has it, this server has not; never done half, and never passed over in silence. */
export const notOffered = (what: string): Refusal =>
  new Refusal(501, `${what}: ImageKit has it, this local server has not. See docs/imagekit.md.`)

export function send(
  res: ServerResponse,
  status: number,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const request = randomUUID()
  const text = body === undefined ? '' : JSON.stringify(body)
  res.writeHead(status, {
    'x-ik-requestid': request,
    'x-request-id': request,
    'access-control-allow-origin': '*',
    ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    ...headers,
  })
  res.end(text)
}

export async function jsonBody(req: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await json(req).catch(() => undefined)
  if (typeof body !== 'object' || body === null) throw new Refusal(400, 'Your request does not contain a JSON body')
  return { ...body }
}
