import { createHmac } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Account } from './upload-route.ts'

/** GET below the URL endpoint. @param rest what follows the endpoint and its slash, exactly as it was sent. */
export async function deliver(
  req: IncomingMessage,
  res: ServerResponse,
  rest: string,
  account: Account,
  privateKey: string,
) {
  const { library, switches } = account
  const [path = '', query = ''] = rest.split('?')
  const parameters = new URLSearchParams(query)
  const asset = library.at(`/${decodeURIComponent(path)}`)
  const signature = parameters.get('ik-s')
  if (signature !== null && !isSigned(rest, privateKey)) return refuse(res, 401, 'EACCES')
  if (!asset) return refuse(res, 404, 'ENOENT')
  if (asset.isPrivate && signature === null) return refuse(res, 401, 'EACCES')
  // Without it, pictures come in another format and quality [S]: here, with another byte at their end.
  const isOriginal = /(^|,|:)orig-true/.test(parameters.get('tr') ?? '')
  if (asset.isImage && !isOriginal) {
    res.writeHead(200, { 'content-type': 'image/webp' })
    for await (const chunk of library.read(asset)) res.write(chunk)
    return void res.end('.')
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? []
  const isRange = switches.ranges && from !== undefined
  const range = { start: Number(from), end: Math.min(Number(to), asset.size - 1) }
  if (isRange && range.start >= asset.size) return refuse(res, 416, 'UNIDENTIFIED')
  res.writeHead(isRange ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': isRange ? range.end - range.start + 1 : asset.size,
    ...(isRange && { 'content-range': `bytes ${range.start}-${range.end}/${asset.size}` }),
  })
  await pipeline(library.read(asset, isRange ? range : undefined), res).catch(() => undefined)
}

function refuse(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'ik-error': `${code} - refused`, 'content-type': 'text/plain' })
  res.end(status === 404 ? 'Not Found' : 'Refused')
}

/** HMAC-SHA1 over what follows the endpoint, without `ik-t` and `ik-s`, and the time of expiry [M]. */
export function isSigned(rest: string, privateKey: string): boolean {
  const [, expiry] = /[?&]ik-t=(\d+)/.exec(rest) ?? []
  const [, signature] = /[?&]ik-s=([0-9a-f]+)/.exec(rest) ?? []
  if (expiry !== undefined && Number(expiry) * 1000 < Date.now()) return false
  const signed = rest
    .replace(/([?&])ik-[ts]=[^&]*/g, '$1')
    .replace(/[?&]+$/, '')
    .replace(/&{2,}/g, '&')
    .replace('?&', '?')
  return (
    signature ===
    createHmac('sha1', privateKey)
      .update(signed + (expiry ?? '9999999999'))
      .digest('hex')
  )
}
