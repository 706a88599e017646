import { createHmac } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Context } from 'koa'
import type { Account } from './local-server.ts'

/** GET below the URL endpoint. @param url The part after the endpoint and its slash, exactly as the client sent it. */
export function deliver(ctx: Context, url: string, { library, switches, privateKey }: Account): void {
  const refuse = (status: number, code: string): void => {
    ctx.status = status
    ctx.set('ik-error', `${code} - refused`)
    ctx.body = status === 404 ? 'Not Found' : 'Refused'
  }
  const [path = '', search] = url.split('?')
  const query = new URLSearchParams(search)
  const isAuthorized = query.has('ik-s') && isSigned(url, privateKey)
  if (query.has('ik-s') && !isAuthorized) return refuse(401, 'EACCES')
  const transformation = query.get('tr')
  const isSupported = [...query.keys()].every((name) => /^(tr|ik-t|ik-s)$/.test(name))
  if (ctx.method !== 'GET' || !isSupported || (transformation ?? 'orig-true') !== 'orig-true')
    return refuse(501, 'UNIDENTIFIED')
  const asset = library.deliver(`/${path}`)
  if (!asset) return refuse(404, 'ENOENT')
  if (asset.isPrivate && !isAuthorized) return refuse(401, 'EACCES')
  if (asset.mime.startsWith('image/') && transformation === null) {
    ctx.set('Content-Type', 'image/webp')
    ctx.body = Readable.from(reencoded(asset.bytes))
    return
  }
  const range = switches.ranges ? rangeOf(ctx.get('Range'), asset.size) : undefined
  if (range && range.start > range.end) return refuse(416, 'UNIDENTIFIED')
  ctx.status = range ? 206 : 200
  ctx.set('Content-Type', asset.mime)
  if (range) ctx.set('Content-Range', `bytes ${range.start}-${range.end}/${asset.size}`)
  ctx.body = createReadStream(asset.bytes, range)
  ctx.length = range ? range.end - range.start + 1 : asset.size
}

/** Without `tr=orig-true`, ImageKit delivers images in another format and quality [S]. This server adds a byte. */
async function* reencoded(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path)
  yield Buffer.from('.')
}

/** Supports `bytes=a-b` and `bytes=a-`. A server may ignore other ranges (RFC 9110 section 14.2). */
function rangeOf(header: string, size: number): { start: number; end: number } | undefined {
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(header) ?? []
  if (start === undefined) return undefined
  return { start: Number(start), end: Math.min(end ? Number(end) : size - 1, size - 1) }
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
