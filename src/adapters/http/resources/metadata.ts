import { ownerScope } from '../auth/caller.ts'
import { metadataToJson } from '../media-json.ts'
import type { HttpOptions } from '../options.ts'
import { json, route } from '../route.ts'
import { MediaPath, Metadata } from '../schemas.ts'

export const metadataRoute = ({ showsLocation = false }: HttpOptions) =>
  route({
    method: 'get',
    path: '/media/{id}/metadata/',
    scope: 'read',
    operation: {
      summary: 'Get the metadata of a file',
      description:
        'The metadata is read from the file soon after the upload. Until then, and while the metadata store does not answer, its status is `pending`.',
      tags: ['Media'],
      requestParams: { path: MediaPath },
      responses: { 200: json('The metadata', Metadata) },
    },
    errors: ['not-found'],
    handle: ({ ctx, mediaport, caller }) =>
      mediaport
        .readMetadata(ctx['params'].id, { owner: ownerScope(caller) })
        .map((metadata) => ({ status: 200, body: metadataToJson(metadata, showsLocation) })),
  })
