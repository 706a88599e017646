import type { Context, Middleware } from 'koa'
import type { Mediaport } from '../../../application/mediaport.ts'
import { parseIdempotencyKey } from '../../../domain/values/idempotency-key.ts'
import { entityTag, type Links, toJson } from '../media-json.ts'
import { HttpProblem } from '../problem.ts'
import type { Pace } from './pace.ts'
import { receiveForm } from './receive-form.ts'

/** What a form may have besides its file, in bytes, before its length alone refuses it. */
const MARGIN = 1024 * 1024

/** RFC 2046 section 5.1.1; white space is allowed there but not at the end, and no client sends any. */
const BOUNDARY =
  /;\s*boundary=(?:"([0-9a-z'()+_,\-./:=? ]{0,69}[0-9a-z'()+_,\-./:=?])"|([0-9a-z'+_\-.]{1,70}))\s*(?:;|$)/i

/** POST /upload/ */
export const uploadRoute =
  (links: Links, pace: Pace): Middleware =>
  async (ctx) => {
    const mediaport: Mediaport = ctx.state['mediaport']
    const { maxFileSize } = mediaport.policy
    const boundary = multipartBoundary(ctx.req.headers['content-type'])
    const { 'content-encoding': encoding, 'transfer-encoding': transfer = 'chunked' } = ctx.req.headers
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      throw new HttpProblem({ type: 'unsupported-content-encoding', headers: { 'Accept-Encoding': 'identity' } })
    if (transfer.toLowerCase() !== 'chunked') throw new HttpProblem({ type: 'unsupported-transfer-encoding' })
    if (Number(ctx.req.headers['content-length'] ?? 0) > maxFileSize + MARGIN)
      throw new HttpProblem({ type: 'too-large', limit: maxFileSize })

    const key = idempotencyKey(ctx)
    if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
    const uploaded = await receiveForm(ctx, { boundary, maxFileSize, pace }, (file, details) =>
      mediaport.uploadMedia({ ...file, ownsChunks: true, details, key, owner: ctx.state['owner'] }),
    )
    if (uploaded.isErr()) throw new HttpProblem(uploaded.error)
    const media = uploaded.value
    ctx.status = 201
    ctx.set('Location', links.media(media.id))
    ctx.set('ETag', entityTag(media))
    if (media.replayed) ctx.set('Idempotency-Replayed', 'true')
    ctx.body = toJson(media, links)
  }

/** Checked before the body is read; two lines are no key. */
function idempotencyKey({ req }: Context): string | undefined {
  const raw = req.headers['idempotency-key']
  if (raw === undefined) return undefined
  return parseIdempotencyKey(String(raw)).match(
    (key) => key,
    (error) => {
      throw new HttpProblem(error)
    },
  )
}

function multipartBoundary(contentType = ''): string {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType))
    throw new HttpProblem({
      type: 'unsupported-media-type',
      detail: 'Send the file as multipart/form-data.',
      headers: { 'Accept-Post': 'multipart/form-data' },
    })
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  // Of two, one of them within another parameter perhaps, the parser behind may take the other.
  if (boundary === undefined || /boundary=.*boundary=/i.test(contentType))
    throw new HttpProblem({ type: 'malformed-multipart', detail: 'The Content-Type has no valid boundary.' })
  return boundary
}
