import type { Context } from 'koa'
import { err, ok, Result } from 'neverthrow'
import { z } from 'zod'
import { narrowed } from '../../../application/policy.ts'
import type { TooLarge } from '../../../application/upload/incoming-body.ts'
import { type IdempotencyKey, parseIdempotencyKey } from '../../../domain/values/idempotency-key.ts'
import { MAX_FORM_OVERHEAD_BYTES } from '../limits.ts'
import { entityTag, type Links, toJson } from '../media-json.ts'
import type { HttpOptions } from '../options.ts'
import type { HttpRefusal } from '../problem.ts'
import { EntityTag, json, route } from '../route.ts'
import { Media, UploadForm, UploadPolicy } from '../schemas.ts'
import { receiveForm } from '../upload/receive-form.ts'

const Location = z.url().meta({ description: 'The address of the media item' })
const Key = z.string().optional().meta({
  description:
    'An identifier of the upload, 1 to 255 visible ASCII characters. Uploads that repeat it create one media item',
})
const Replayed = z
  .literal('true')
  .optional()
  .meta({ description: 'An earlier upload with this key created the media item' })

export const uploadRoute = (links: Links, { pace }: HttpOptions) =>
  route({
    method: 'post',
    path: '/upload/',
    scope: 'upload',
    operation: {
      summary: 'Upload a file',
      description: 'The fields may come before or after the file. 201 means that the file and its row are stored.',
      tags: ['Media'],
      requestParams: { header: z.object({ 'Idempotency-Key': Key }) },
      requestBody: { required: true, content: { 'multipart/form-data': { schema: UploadForm } } },
      responses: {
        201: {
          ...json('The media item', Media),
          headers: z.object({ Location, ETag: EntityTag, 'Idempotency-Replayed': Replayed }),
        },
      },
    },
    errors: [
      'malformed-multipart',
      'missing-file',
      'unexpected-file-field',
      'too-many-files',
      'too-many-parts',
      'field-too-large',
      'invalid-field-name',
      'too-slow',
      'too-large',
      'unsupported-media-type',
      'unsupported-file-type',
      'unsupported-transfer-encoding',
      'unsupported-content-encoding',
      'extension-mismatch',
      'empty-file',
      'invalid-title',
      'invalid-tag',
      'invalid-sha256',
      'digest-mismatch',
      'storage-error',
      'storage-timeout',
      'insufficient-storage',
      'outcome-unknown',
      'bad-idempotency-key',
      'idempotency-in-progress',
      'idempotency-key-reused',
      'media-deleted',
    ],
    async handle({ ctx, mediaport, caller: { owner, limits } }) {
      const { maxFileSize } = narrowed(mediaport.policy, limits)
      const head = Result.combine([readBoundary(ctx, maxFileSize), idempotencyKey(ctx)])
      if (head.isErr()) return err(head.error)
      const [boundary, key] = head.value
      if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
      const uploaded = await receiveForm(ctx, { boundary, maxFileSize, pace }, (file, details) =>
        mediaport.uploadMedia({ ...file, ownsChunks: true, details, key, owner, policy: limits }),
      )
      return uploaded.map((media) => ({
        status: 201,
        headers: {
          Location: links.media(media.id),
          ETag: entityTag(media),
          ...(media.replayed && { 'Idempotency-Replayed': 'true' }),
        },
        body: toJson(media, links),
      }))
    },
  })

export const uploadPolicyRoute = route({
  method: 'get',
  path: '/upload/policy/',
  scope: 'upload',
  operation: {
    summary: 'Get the limits of uploads',
    description: 'The limits that are in force for the caller.',
    tags: ['Media'],
    responses: { 200: json('The limits', UploadPolicy) },
  },
  errors: [],
  async handle({ mediaport, caller }) {
    const { maxFileSize, allowedTypes } = narrowed(mediaport.policy, caller.limits)
    return ok({ status: 200, body: { max_file_size: maxFileSize, types: allowedTypes } })
  },
})

type HeadRefusal =
  | HttpRefusal<
      | 'malformed-multipart'
      | 'unsupported-content-encoding'
      | 'unsupported-media-type'
      | 'unsupported-transfer-encoding'
    >
  | TooLarge

/** Returns the boundary. Refuses a body that is not a form or is too large, before it is read. */
function readBoundary({ req: { headers } }: Context, maxFileSize: number): Result<string, HeadRefusal> {
  const { 'content-encoding': encoding, 'transfer-encoding': transfer = 'chunked' } = headers
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return err({ type: 'unsupported-content-encoding', headers: { 'Accept-Encoding': 'identity' } })
  if (transfer.toLowerCase() !== 'chunked') return err({ type: 'unsupported-transfer-encoding' })
  if (Number(headers['content-length'] ?? 0) > maxFileSize + MAX_FORM_OVERHEAD_BYTES)
    return err({ type: 'too-large', limit: maxFileSize })
  return multipartBoundary(headers['content-type'])
}

/** node:http joins two header lines with a comma and a space. No key contains a space, so two keys are refused. */
function idempotencyKey({ req }: Context) {
  const raw = req.headers['idempotency-key']
  return raw === undefined ? ok<IdempotencyKey | undefined>(undefined) : parseIdempotencyKey(String(raw))
}

/** RFC 2046 section 5.1.1. The RFC allows white space inside a boundary, but not at its end. */
const BOUNDARY =
  /;\s*boundary=(?:"([0-9a-z'()+_,\-./:=? ]{0,69}[0-9a-z'()+_,\-./:=?])"|([0-9a-z'+_\-.]{1,70}))\s*(?:;|$)/i

function multipartBoundary(contentType = ''): Result<string, HeadRefusal> {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType))
    return err({
      type: 'unsupported-media-type',
      detail: 'Send the file as multipart/form-data.',
      headers: { 'Accept-Post': 'multipart/form-data' },
    })
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  // Two boundaries are refused, because another parser may use the other one.
  if (boundary === undefined || /boundary=.*boundary=/i.test(contentType))
    return err({ type: 'malformed-multipart', detail: 'The Content-Type has no valid boundary.' })
  return ok(boundary)
}
