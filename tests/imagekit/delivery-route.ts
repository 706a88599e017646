import { createHmac } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Account } from './account.ts'

const THUMBNAIL = 'n-ik_ml_thumbnail'

/** GET and HEAD below the URL endpoint. @param rest what follows the endpoint and its slash, exactly as it was sent. */
export async function deliver(
  req: IncomingMessage,
  res: ServerResponse,
  rest: string,
  account: Account,
): Promise<unknown> {
  const { library, switches } = account
  if (req.method !== 'GET' && !(req.method === 'HEAD' && switches.answersHead)) return refuse(res, 405, 'UNIDENTIFIED')
  const asked = parse(rest)
  if (!asked) return refuse(res, 400, 'UNIDENTIFIED')
  const { path, steps, query } = asked
  if (query.has('ik-obj-version')) return refuse(res, 501, 'UNIDENTIFIED')
  const isSignatureRight = query.has('ik-s') && isSigned(rest, account.privateKey, account.now())
  if (query.has('ik-s') && !isSignatureRight) return refuse(res, 401, 'EACCES')
  if (steps.some((step) => step.startsWith('n-') && step !== THUMBNAIL)) return refuse(res, 400, 'UNIDENTIFIED')
  const asset = library.deliver(path)
  if (!asset) return refuse(res, 404, 'ENOENT')
  // Named transformations of a private file need no signature [S].
  const isNamed = steps.length > 0 && steps.every((step) => step === THUMBNAIL)
  if (asset.isPrivate && !isSignatureRight && !isNamed) return refuse(res, 401, 'EACCES')
  const headers = query.get('ik-attachment') === 'true' ? { 'content-disposition': 'attachment' } : {}
  const file = await open(asset.bytes)
  // Without it, pictures come in another format and quality [S]: here, with another byte at their end.
  if (asset.mime.startsWith('image/') && !steps.includes('orig-true')) {
    res.writeHead(200, { ...headers, 'content-type': 'image/webp' })
    for await (const chunk of file.createReadStream()) res.write(chunk)
    return res.end('.')
  }
  const range = switches.ranges ? rangeOf(req.headers.range, asset.size) : undefined
  if (range && range.start > range.end) {
    await file.close()
    return refuse(res, 416, 'UNIDENTIFIED')
  }
  res.writeHead(range ? 206 : 200, {
    ...headers,
    'content-type': asset.mime,
    'content-length': range ? range.end - range.start + 1 : asset.size,
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${asset.size}` }),
  })
  if (req.method === 'HEAD') {
    await file.close()
    return res.end()
  }
  return pipeline(file.createReadStream(range), res).catch(() => undefined)
}

/** `tr:` steps may come before the path or in the query [S]; nothing where one of them is no transformation. */
function parse(rest: string) {
  const [before = '', after = ''] = rest.split('?')
  const parts = before.split('/')
  const query = new URLSearchParams(after)
  const [first = ''] = parts
  const chained = [first.startsWith('tr:') ? first.slice(3) : '', query.get('tr') ?? '']
  const steps = chained.flatMap((text) => text.split(/[:,]/)).filter((step) => step !== '')
  if (!steps.every((step) => /^[a-z]+-./.test(step))) return undefined
  try {
    const path = `/${decodeURIComponent(parts.slice(first.startsWith('tr:') ? 1 : 0).join('/'))}`
    return { path, steps, query }
  } catch {
    return undefined
  }
}

/** One range; of several, all of the file is sent, as RFC 9110 allows. An unsatisfiable one starts behind its end. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return undefined
  if (from === '') return { start: Math.max(0, size - Number(to)), end: size - 1 }
  return { start: Number(from), end: Math.min(to === '' ? size - 1 : Number(to), size - 1) }
}

function refuse(res: ServerResponse, status: number, code: string): void {
  res.writeHead(status, { 'ik-error': `${code} - refused`, 'content-type': 'text/plain' })
  res.end(status === 404 ? 'Not Found' : 'Refused')
}

/** HMAC-SHA1 over what follows the endpoint, without `ik-t` and `ik-s`, and the time of expiry [M]. */
export function isSigned(rest: string, privateKey: string, now: number): boolean {
  const [, expiry] = /[?&]ik-t=(\d+)/.exec(rest) ?? []
  const [, signature] = /[?&]ik-s=([0-9a-f]+)/.exec(rest) ?? []
  if (expiry !== undefined && Number(expiry) * 1000 < now) return false
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
