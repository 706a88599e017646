import { z } from 'zod'
import { contentRoute } from './content-route.ts'
import type { Links } from './media-json.ts'
import { changeRoute, deleteRoute, listRoute, mediaRoute, metadataRoute, titleRoute } from './media-routes.ts'
import { EntityTag, json, type Route } from './route.ts'
import { Changes, ListQuery, Media, MediaPath, Metadata, Page, Title } from './schemas.ts'
import type { Pace } from './upload/pace.ts'

export interface MediaSettings {
  readonly pace: Pace
  /** Whether metadata tells where a picture was taken; by default it does not. */
  readonly showsLocation?: boolean | undefined
}

export function mediaRoutes(links: Links, { pace, showsLocation = false }: MediaSettings): readonly Route[] {
  return [
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
          307: {
            description: 'Where the storage serves it, for a few minutes',
            headers: z.object({ Location: z.url() }),
          },
        },
      },
      errors: ['not-found', 'range-not-satisfiable', 'storage-error'],
      handle: contentRoute,
    },
    {
      method: 'get',
      path: '/media/{id}/title/',
      scope: 'read',
      operation: {
        summary: "Get a media's title and tags",
        description:
          'From a cache: the fastest way to them. What was changed or deleted may be seen for a minute more.',
        tags: ['Media'],
        requestParams: { path: MediaPath },
        responses: { 200: json('The title', Title) },
      },
      errors: ['not-found'],
      handle: titleRoute,
    },
    {
      method: 'get',
      path: '/media/{id}/metadata/',
      scope: 'read',
      operation: {
        summary: 'Get what a file says of itself',
        description: 'Read soon after the upload; `pending` until then, and while it can not be looked up.',
        tags: ['Media'],
        requestParams: { path: MediaPath },
        responses: { 200: json('What is known', Metadata) },
      },
      errors: ['not-found'],
      handle: metadataRoute(showsLocation),
    },
  ]
}

const IfMatch = z.string().optional().meta({ description: 'An ETag of the media (RFC 9110 section 13.1.1)' })
const ReprDigest = z.string().meta({ description: 'The SHA-256 of all bytes (RFC 9530)' })
const RangeHeader = z
  .string()
  .optional()
  .meta({ description: 'One range of bytes (RFC 9110 section 14)', example: 'bytes=0-99' })
const BYTES = { '*/*': { schema: z.string().meta({ override: { format: 'binary' } }) } }
