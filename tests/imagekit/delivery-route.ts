import { createHmac } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Account } from './library.ts'

/** GET below the URL endpoint. @param url The part after the endpoint and its slash, exactly as the client sent it. */
export async function deliver(req: IncomingMessage, res: ServerResponse, url: string, account: Account): Promise<void> {
  const { library, switches, privateKey } = account
  const [path = '', search] = url.split('?')
  const query = new URLSearchParams(search)
  const isAuthorized = query.has('ik-s') && isSigned(url, privateKey)
  if (query.has('ik-s') && !isAuthorized) return refuse(res, 401, 'EACCES')
  const transformation = query.get('tr')
  const isSupported = [...query.keys()].every((name) => /^(tr|ik-t|ik-s)$/.test(name))
  if (req.method !== 'GET' || !isSupported || (transformation ?? 'orig-true') !== 'orig-true')
    return refuse(res, 501, 'UNIDENTIFIED')
  const asset = library.deliver(`/${path}`)
  if (!asset) return refuse(res, 404, 'ENOENT')
  if (asset.isPrivate && !isAuthorized) return refuse(res, 401, 'EACCES')
  if (asset.mime.startsWith('image/') && transformation === null) {
    res.writeHead(200, { 'content-type': 'image/webp' })
    return pipeline(reencoded(asset.bytes), res)
  }
  const range = switches.ranges ? rangeOf(req.headers.range, asset.size) : undefined
  if (range && range.start > range.end) return refuse(res, 416, 'UNIDENTIFIED')
  res.writeHead(range ? 206 : 200, {
    'content-type': asset.mime,
    'content-length': range ? range.end - range.start + 1 : asset.size,
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${asset.size}` }),
  })
  // The client may close the connection early.
  return pipeline(createReadStream(asset.bytes, range), res).catch(() => undefined)
}

/** Without `tr=orig-true`, ImageKit delivers images in another format and quality [S]. This server adds a byte. */
async function* reencoded(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path)
  yield Buffer.from('.')
}

/** Supports `bytes=a-b` and `bytes=a-`. A server may ignore other ranges (RFC 9110 section 14.2). */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? []
  if (start === undefined) return undefined
  return { start: Number(start), end: Math.min(end ? Number(end) : size - 1, size - 1) }
}

function refuse(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'ik-error': `${code} - refused`, 'content-type': 'text/plain' })
  res.end(status === 404 ? 'Not Found' : 'Refused')
}

/**
 * `ik-s` is the HMAC-SHA1 of the text before both parameters, followed by the time of expiry in Unix seconds [M].
 * The vendor's client sends `ik-t` and `ik-s` last. Another order is refused.
 */
export function isSigned(url: string, privateKey: string): boolean {
  const [, signed, expiry = '9999999999', signature] = /^(.*?)[?&](?:ik-t=(\d+)&)?ik-s=([0-9a-f]+)$/.exec(url) ?? []
  const expected = createHmac('sha1', privateKey).update(`${signed}${expiry}`).digest('hex')
  return signature === expected && Number(expiry) * 1000 >= Date.now()
}
