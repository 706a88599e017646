import type { Links } from './media-json.ts'
import type { HttpOptions } from './options.ts'
import { contentRoute } from './resources/content.ts'
import { mediaRoutes } from './resources/media.ts'
import { metadataRoute } from './resources/metadata.ts'
import { schemaRoute } from './resources/schema.ts'
import { serverRoutes } from './resources/server.ts'
import { titleRoute } from './resources/title.ts'
import { tokenRoutes } from './resources/tokens.ts'
import { uploadPolicyRoute, uploadRoute } from './resources/upload.ts'
import type { Route } from './route.ts'

/** All routes of the API. The router serves them, and the OpenAPI document describes them. */
export function apiRoutes(links: Links, options: HttpOptions): readonly Route[] {
  const routes = [
    ...serverRoutes,
    uploadRoute(links, options),
    uploadPolicyRoute,
    ...mediaRoutes(links, options),
    contentRoute,
    ...tokenRoutes(links, options),
    titleRoute,
    metadataRoute(options),
  ]
  return [...routes, schemaRoute(routes)]
}
