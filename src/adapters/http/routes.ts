import { z } from 'zod'
import type { Links } from './media-json.ts'
import type { Code } from './problem.ts'
import { EntityTag, json, type Route } from './route.ts'
import { type MediaSettings, mediaRoutes } from './routes-of-media.ts'
import { Health, Media, Ping, UploadForm } from './schemas.ts'
import { uploadRoute } from './upload/upload-route.ts'

/** What works, at the moment it is asked. */
export type AskHealth = () => Promise<z.infer<typeof Health>>

export interface Settings extends MediaSettings {
  readonly health: AskHealth
}

export function apiRoutes(links: Links, settings: Settings): readonly Route[] {
  return [
    {
      method: 'get',
      path: '/ping/',
      operation: {
        summary: 'Is anybody there?',
        description: 'Answers whatever the state of everything else.',
        tags: ['Server'],
        responses: { 200: json('Yes', Ping) },
      },
      errors: [],
      handle: (ctx) => {
        ctx.body = { message: 'pong' } satisfies z.infer<typeof Ping>
      },
    },
    {
      method: 'get',
      path: '/healthcheck/',
      operation: {
        summary: 'What works?',
        description: '503 while uploads can not be taken; `degraded` is still 200.',
        tags: ['Server'],
        responses: { 200: json('Uploads are taken', Health), 503: json('Uploads are not taken', Health) },
      },
      errors: [],
      handle: async (ctx) => {
        const report = await settings.health()
        ctx.status = report.status === 'down' || report.status === 'starting' ? 503 : 200
        ctx.body = report
      },
    },
    {
      method: 'post',
      path: '/upload/',
      scope: 'upload',
      operation: {
        summary: 'Upload a file',
        description:
          'The fields may come before or after the file. 201 means that the file and its row are there for good.',
        tags: ['Media'],
        requestParams: { header: z.object({ 'Idempotency-Key': Key }) },
        requestBody: { required: true, content: { 'multipart/form-data': { schema: UploadForm } } },
        responses: {
          201: {
            ...json('The media', Media),
            headers: z.object({ Location: Location, ETag: EntityTag, 'Idempotency-Replayed': Replayed }),
          },
        },
      },
      errors: UPLOAD_ERRORS,
      handle: uploadRoute(links, settings.pace),
    },
    ...mediaRoutes(links, settings),
  ]
}

const UPLOAD_ERRORS = [
  'malformed-multipart',
  'missing-file',
  'unexpected-file-field',
  'too-many-files',
  'too-many-parts',
  'field-too-large',
  'invalid-field-name',
  'expectation-failed',
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
] as const satisfies readonly Code[]

const Location = z.url().meta({ description: 'The address of the media' })
const Key = z.string().optional().meta({
  description:
    'Your own name for this upload, 1 to 255 visible ASCII characters: sent again under it, there is one media',
})
const Replayed = z
  .literal('true')
  .optional()
  .meta({ description: 'It was there already, from an earlier upload with this key' })
