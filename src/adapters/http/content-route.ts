import { pipeline } from 'node:stream/promises'
import type { Context, Middleware } from 'koa'
import type { Mediaport } from '../../application/mediaport.ts'
import type { Stored } from '../../domain/media/media.ts'
import { downloadName, isRasterImage } from '../../domain/values/content-type.ts'
import { HttpProblem } from './problem.ts'
import { requestedRange } from './range.ts'

/** A reader that takes nothing for this long is gone. */
const READER_IDLE_MS = 60_000

/**
 * GET and HEAD /media/{id}/content/: the original bytes, so inert that no browser runs them; or where their storage serves
 * them, on a site of its own.
 */
export const contentRoute: Middleware = async (ctx) => {
  const mediaport: Mediaport = ctx.state['mediaport']
  const owner: string = ctx.state['owner']
  const found = await mediaport.getMedia(ctx['params'].id, { owner })
  if (found.isErr()) throw new HttpProblem(found.error)
  const media = found.value

  const address = mediaport.contentAddress(media)
  if (address !== undefined) {
    ctx.status = 307
    ctx.set('Location', address)
    return
  }
  setContentHeaders(ctx, media)
  ctx.status = 200
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  const range = requestedRange(ctx, media)
  if (range === 'unsatisfiable')
    throw new HttpProblem({ type: 'range-not-satisfiable', headers: { 'Content-Range': `bytes */${media.sizeBytes}` } })
  if (range) {
    ctx.status = 206
    ctx.set('Content-Range', `bytes ${range.start}-${range.end}/${media.sizeBytes}`)
  }
  const length = range ? range.end - range.start + 1 : media.sizeBytes
  ctx.set('Content-Length', String(length))
  if (ctx.method === 'HEAD') {
    ctx.respond = false
    ctx.res.end()
    return
  }

  const content = await mediaport.readContent(media.id, { owner, range })
  if (content.isErr()) throw new HttpProblem(content.error)
  await send(ctx, content.value.body, length)
}

function setContentHeaders(ctx: Context, media: Stored): void {
  ctx.attachment(downloadName(media.filename, media.mimeType), {
    type: isRasterImage(media.mimeType) ? 'inline' : 'attachment',
  })
  ctx.type = media.mimeType
  ctx.set({
    ETag: `"${media.sha256}"`,
    'Repr-Digest': `sha-256=:${Buffer.from(media.sha256, 'hex').toString('base64')}:`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-cache',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'Cross-Origin-Resource-Policy': 'same-site',
  })
}

/** Sends just `length` bytes, or breaks the connection off, so that nobody takes a part for the whole. */
async function send(ctx: Context, body: AsyncIterable<Uint8Array>, length: number): Promise<void> {
  ctx.respond = false
  ctx.res.setTimeout(READER_IDLE_MS, () => ctx.res.destroy())
  async function* whole() {
    let sent = 0
    for await (const chunk of body) {
      sent += chunk.length
      yield chunk
    }
    if (sent !== length) throw new Error(`the storage gave ${sent} of ${length} bytes`)
  }
  await pipeline(whole, ctx.res)
}
