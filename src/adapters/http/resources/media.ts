import type { Context } from 'koa'
import { err, ok, type Result } from 'neverthrow'
import { z } from 'zod'
import type { WriteOptions } from '../../../application/library/change-media.ts'
import type { InvalidQuery } from '../../../application/library/list-media.ts'
import type { Stored } from '../../../domain/media/media.ts'
import { ownerScope } from '../auth/caller.ts'
import { readJson } from '../json-body.ts'
import { entityTag, type Links, toJson } from '../media-json.ts'
import type { HttpOptions } from '../options.ts'
import { EntityTag, isFresh, json, type Reply, route, type ScopedRoute } from '../route.ts'
import { Changes, ListQuery, Media, MediaPath, Page } from '../schemas.ts'

const IfMatch = z
  .string()
  .optional()
  .meta({ description: 'The request succeeds only if the media item has this ETag (RFC 9110 section 13.1.1)' })

export const mediaRoutes = (links: Links, { pace }: HttpOptions): readonly ScopedRoute[] => {
  const reply = (media: Stored): Reply => ({
    status: 200,
    headers: { ETag: entityTag(media) },
    body: toJson(media, links),
  })

  return [
    route({
      method: 'get',
      path: '/media/',
      scope: 'read',
      operation: {
        summary: 'List media items',
        description: 'Newest first. Pages neither repeat nor omit an item that existed when the first page was read.',
        tags: ['Media'],
        requestParams: { query: ListQuery },
        responses: { 200: json('A page', Page) },
      },
      errors: ['invalid-query', 'invalid-cursor', 'invalid-tag'],
      async handle({ ctx, mediaport, caller }) {
        const query = parseQuery(ctx.query)
        if (query.isErr()) return err(query.error)
        const page = await mediaport.listMedia({ ...query.value, owner: ownerScope(caller) })
        return page.map(({ items, next }) => ({
          status: 200,
          body: { items: items.map((media) => toJson(media, links)), next },
        }))
      },
    }),

    route({
      method: 'get',
      path: '/media/{id}/',
      scope: 'read',
      operation: {
        summary: 'Get a media item',
        tags: ['Media'],
        requestParams: { path: MediaPath },
        responses: {
          200: { ...json('The media item', Media), headers: z.object({ ETag: EntityTag }) },
          304: { description: 'The ETag is in If-None-Match' },
        },
      },
      errors: ['not-found'],
      handle: ({ ctx, mediaport, caller }) =>
        mediaport
          .getMedia(ctx['params'].id, { owner: ownerScope(caller) })
          .map((media) => (isFresh(ctx, entityTag(media)) ? { status: 304 } : reply(media))),
    }),

    route({
      method: 'patch',
      path: '/media/{id}/',
      scope: 'write',
      operation: {
        summary: 'Change the title or tags of a media item',
        description:
          'Changes both or neither. With If-Match, the request succeeds only if the media item has that ETag.',
        tags: ['Media'],
        requestParams: { path: MediaPath, header: z.object({ 'If-Match': IfMatch }) },
        requestBody: { required: true, content: { 'application/json': { schema: Changes } } },
        responses: { 200: { ...json('The changed media item', Media), headers: z.object({ ETag: EntityTag }) } },
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
      handle: ({ ctx, mediaport, caller }) =>
        readJson(ctx, Changes, pace)
          .andThen((changes) =>
            mediaport.changeMedia(ctx['params'].id, {
              ...changes,
              owner: ownerScope(caller),
              precondition: ifMatch(ctx),
            }),
          )
          .map(reply),
    }),

    route({
      method: 'delete',
      path: '/media/{id}/',
      scope: 'delete',
      operation: {
        summary: 'Delete a media item',
        description:
          'The media item no longer exists afterwards, and its file is deleted soon. With If-Match, the request succeeds only if the media item has that ETag.',
        tags: ['Media'],
        requestParams: { path: MediaPath, header: z.object({ 'If-Match': IfMatch }) },
        responses: { 204: { description: 'The media item is deleted' } },
      },
      errors: ['not-found', 'precondition-failed'],
      handle: ({ ctx, mediaport, caller }) =>
        mediaport
          .deleteMedia(ctx['params'].id, { owner: ownerScope(caller), precondition: ifMatch(ctx) })
          .map(() => ({ status: 204 })),
    }),
  ]
}

/** Reads If-Match (RFC 9110 section 13.1.1): a list of strong ETags, or `*`. */
function ifMatch(ctx: Context): WriteOptions['precondition'] {
  const header = ctx.get('If-Match')
  if (header === '' || header === '*') return undefined
  const tags = new Set(header.split(',').map((tag) => tag.trim()))
  return (media) => tags.has(entityTag(media))
}

function parseQuery(raw: unknown): Result<z.infer<typeof ListQuery>, InvalidQuery> {
  const query = ListQuery.safeParse(raw)
  if (query.success) return ok(query.data)
  const [issue] = query.error.issues
  const isUnknown = issue?.code === 'unrecognized_keys'
  return err({
    type: 'invalid-query',
    parameter: quoted(isUnknown ? issue.keys[0] : issue?.path[0]),
    reason: isUnknown ? 'is not a parameter of this list' : 'is not valid, or occurs twice',
  })
}

/** Escapes and shortens text of the client. */
const quoted = (text: unknown): string => JSON.stringify(String(text).slice(0, 64))
