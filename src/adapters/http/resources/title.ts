import type { z } from 'zod'
import { ownerScope } from '../auth/caller.ts'
import { json, route } from '../route.ts'
import { MediaPath, Title } from '../schemas.ts'

export const titleRoute = route({
  method: 'get',
  path: '/media/{id}/title/',
  scope: 'read',
  operation: {
    summary: 'Get the title and tags of a media item',
    description:
      'Fast, because it reads a cache. After a change or deletion it may return old values for up to a minute.',
    tags: ['Media'],
    requestParams: { path: MediaPath },
    responses: { 200: json('The title and tags', Title) },
  },
  errors: ['not-found'],
  handle: ({ ctx, mediaport, caller }) =>
    mediaport
      .readTitle(ctx['params'].id, { owner: ownerScope(caller) })
      .map((title) => ({ status: 200, body: title satisfies z.infer<typeof Title> })),
})
