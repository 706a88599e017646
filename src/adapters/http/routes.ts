import type { Middleware } from 'koa'
import { type ZodType, z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi'
import type { Scope } from './access.ts'
import { contentRoute } from './content-route.ts'
import type { Links } from './media-json.ts'
import { changeRoute, deleteRoute, listRoute, mediaRoute } from './media-routes.ts'
import type { Code } from './problem.ts'
import { Changes, Health, ListQuery, Media, MediaPath, Page, Ping, UploadForm } from './schemas.ts'
import type { Pace } from './upload/pace.ts'
import { uploadRoute } from './upload/upload-route.ts'

/** By status. */
export type Responses = Readonly<Record<string, ZodOpenApiResponseObject>>

/** One thing the API does: what serves it and what is said about it can't part ways. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it; served with and without the slash at its end. */
  readonly path: `/${string}`
  /** What its caller must be allowed to do. Routes without one answer even while the server is starting. */
  readonly scope?: Scope
  readonly operation: ZodOpenApiOperationObject & { responses: Responses }
  /** Errors of its own, beside those that every route may answer with. */
  readonly errors: readonly Code[]
  readonly handle: Middleware
}

/** What works, at the moment it is asked. */
export type AskHealth = () => Promise<z.infer<typeof Health>>

export function apiRoutes(links: Links, pace: Pace, health: AskHealth): readonly Route[] {
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
        const report = await health()
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
      handle: uploadRoute(links, pace),
    },
    {
      method: 'get',
      path: '/media/',
      scope: 'read',
      operation: {
        summary: 'List media',
        description: 'Newest first. Pages neither repeat nor skip what was there when the first was asked for.',
        tags: ['Media'],
        requestParams: { query: ListQuery },
        responses: { 200: json('A page', Page) },
      },
      errors: ['invalid-query', 'invalid-cursor', 'invalid-tag'],
      handle: listRoute(links),
    },
    {
      method: 'get',
      path: '/media/{id}/',
      scope: 'read',
      operation: {
        summary: 'Get a media',
        tags: ['Media'],
        requestParams: { path: MediaPath },
        responses: {
          200: { ...json('The media', Media), headers: z.object({ ETag: EntityTag }) },
          304: { description: 'It is still what If-None-Match says' },
        },
      },
      errors: ['not-found'],
      handle: mediaRoute(links),
    },
    {
      method: 'patch',
      path: '/media/{id}/',
      scope: 'write',
      operation: {
        summary: "Change a media's title or tags",
        description: 'Both at once or neither. With If-Match only while the media is what its ETag said.',
        tags: ['Media'],
        requestParams: { path: MediaPath, header: z.object({ 'If-Match': IfMatch }) },
        requestBody: { required: true, content: { 'application/json': { schema: Changes } } },
        responses: { 200: { ...json('The media as it is now', Media), headers: z.object({ ETag: EntityTag }) } },
      },
      errors: [
        'malformed-json',
        'not-found',
        'too-slow',
        'precondition-failed',
        'too-large',
        'unsupported-media-type',
        'validation-error',
        'invalid-title',
        'invalid-tag',
      ],
      handle: changeRoute(links, pace),
    },
    {
      method: 'delete',
      path: '/media/{id}/',
      scope: 'delete',
      operation: {
        summary: 'Delete a media',
        description:
          'It does not exist from then on; its bytes follow. With If-Match only while it is what its ETag said.',
        tags: ['Media'],
        requestParams: { path: MediaPath, header: z.object({ 'If-Match': IfMatch }) },
        responses: { 204: { description: 'It is deleted' } },
      },
      errors: ['not-found', 'precondition-failed'],
      handle: deleteRoute,
    },
    {
      method: 'get',
      path: '/media/{id}/content/',
      scope: 'read',
      operation: {
        summary: "Get a media's bytes",
        description: 'As they were uploaded. Only raster images are shown in a browser, everything else is a download.',
        tags: ['Media'],
        requestParams: { path: MediaPath, header: z.object({ Range: RangeHeader }) },
        responses: {
          200: {
            description: 'All of it',
            content: BYTES,
            headers: z.object({ ETag: EntityTag, 'Repr-Digest': ReprDigest }),
          },
          206: { description: 'The range that was asked for', content: BYTES },
          304: { description: 'It is still what If-None-Match says' },
        },
      },
      errors: ['not-found', 'range-not-satisfiable', 'storage-error'],
      handle: contentRoute,
    },
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
const EntityTag = z.string().meta({ description: 'Changes when this changes (RFC 9110 section 8.8.3)' })
const Key = z.string().optional().meta({
  description:
    'Your own name for this upload, 1 to 255 visible ASCII characters: sent again under it, there is one media',
})
const Replayed = z
  .literal('true')
  .optional()
  .meta({ description: 'It was there already, from an earlier upload with this key' })
const IfMatch = z.string().optional().meta({ description: 'An ETag of the media (RFC 9110 section 13.1.1)' })
const ReprDigest = z.string().meta({ description: 'The SHA-256 of all bytes (RFC 9530)' })
const RangeHeader = z
  .string()
  .optional()
  .meta({ description: 'One range of bytes (RFC 9110 section 14)', example: 'bytes=0-99' })
const BYTES = { '*/*': { schema: z.string().meta({ override: { format: 'binary' } }) } }

const json = (description: string, schema: ZodType) => ({ description, content: { 'application/json': { schema } } })
