import { err, ok } from 'neverthrow'
import { z } from 'zod'
import type { Stored } from '../../../domain/media/media.ts'
import { downloadName, isRasterImage } from '../../../domain/values/content-type.ts'
import { type Disposition, ownerScope } from '../auth/caller.ts'
import { requestedRange } from '../range.ts'
import { EntityTag, isFresh, type Reply, route } from '../route.ts'
import { MediaPath } from '../schemas.ts'

const ReprDigest = z.string().meta({ description: 'The SHA-256 of the whole file (RFC 9530)' })
const RangeHeader = z
  .string()
  .optional()
  .meta({ description: 'One range of bytes (RFC 9110 section 14)', example: 'bytes=0-99' })
const BYTES = { '*/*': { schema: z.string().meta({ override: { format: 'binary' } }) } }

/** Sends the bytes with headers that keep browsers from running them, or redirects to the storage that serves them. */
export const contentRoute = route({
  method: 'get',
  path: '/media/{id}/content/',
  scope: 'read',
  allowsNavigation: true,
  operation: {
    summary: 'Get the file of a media item',
    description: 'The bytes of the upload. A browser shows raster images; it downloads every other file.',
    tags: ['Media'],
    requestParams: { path: MediaPath, header: z.object({ Range: RangeHeader }) },
    responses: {
      200: {
        description: 'The whole file',
        content: BYTES,
        headers: z.object({ ETag: EntityTag, 'Repr-Digest': ReprDigest }),
      },
      206: { description: 'The requested range', content: BYTES },
      304: { description: 'The ETag is in If-None-Match' },
      307: {
        description: 'The storage serves the file at this address for some minutes',
        headers: z.object({ Location: z.url() }),
      },
    },
  },
  errors: ['not-found', 'range-not-satisfiable', 'storage-error'],
  async handle({ ctx, mediaport, caller }) {
    const content = await mediaport.openContent(ctx['params'].id, { owner: ownerScope(caller) })
    if (content.isErr()) return err(content.error)
    const { media, address, open } = content.value
    if (address !== undefined) return ok({ status: 307, headers: { Location: address } })

    const etag = `"${media.sha256}"`
    setContentHeaders(ctx, media, caller.limits?.disposition)
    if (caller.isLink) ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
    if (isFresh(ctx, etag)) return ok({ status: 304 })
    const range = requestedRange(ctx, etag, media.sizeBytes)
    if (range === 'unsatisfiable')
      return err({ type: 'range-not-satisfiable', headers: { 'Content-Range': `bytes */${media.sizeBytes}` } } as const)
    const length = range ? range.end - range.start + 1 : media.sizeBytes
    const head: Reply = range
      ? { status: 206, headers: { 'Content-Range': `bytes ${range.start}-${range.end}/${media.sizeBytes}` } }
      : { status: 200 }
    if (ctx.method === 'HEAD') return ok({ ...head, content: { length } })
    return open(range).map((bytes) => ({ ...head, content: { length, bytes } }))
  },
})

function setContentHeaders(ctx: Parameters<typeof isFresh>[0], media: Stored, disposition?: Disposition): void {
  ctx.attachment(downloadName(media.filename, media.mimeType), {
    type: disposition ?? (isRasterImage(media.mimeType) ? 'inline' : 'attachment'),
  })
  ctx.type = media.mimeType
  ctx.set({
    'Repr-Digest': `sha-256=:${Buffer.from(media.sha256, 'hex').toString('base64')}:`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': 'same-site',
  })
}
