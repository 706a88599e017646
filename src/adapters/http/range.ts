import type { Context } from 'koa'
import type { ByteRange } from '../../application/ports/file-storage.ts'

/**
 * Returns the requested range of bytes (RFC 9110 section 14), or `undefined` for the whole file. As the RFC allows, the
 * whole file is sent for several ranges, other units, malformed ranges and an If-Range that does not match.
 */
export function requestedRange(ctx: Context, etag: string, sizeBytes: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(ctx.get('Range')) ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  const ifRange = ctx.get('If-Range')
  if (ifRange !== '' && ifRange !== etag) return undefined

  if (first === '')
    return Number(last) === 0 ? 'unsatisfiable' : { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes - 1 }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= sizeBytes) return 'unsatisfiable'
  return { start, end: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1) }
}
