import type { Context, Middleware } from 'koa'
import type { z } from 'zod'
import type { Condition } from '../../application/library/change-media.ts'
import type { Mediaport } from '../../application/mediaport.ts'
import { readJson } from './json-body.ts'
import { entityTag, type Links, metadataToJson, toJson } from './media-json.ts'
import { HttpProblem } from './problem.ts'
import { Changes, ListQuery, type Title } from './schemas.ts'
import type { Pace } from './upload/pace.ts'

/** GET /media/ */
export const listRoute =
  (links: Links): Middleware =>
  async (ctx) => {
    const query = ListQuery.safeParse(ctx.query)
    if (!query.success) {
      const [issue] = query.error.issues
      const parameter = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path[0]
      const reason =
        issue?.code === 'unrecognized_keys' ? 'there is no such parameter' : 'not a valid value, or given twice'
      throw new HttpProblem({ type: 'invalid-query', parameter: shown(parameter), reason })
    }
    const mediaport: Mediaport = ctx.state['mediaport']
    const page = await mediaport.listMedia({ ...query.data, owner: ctx.state['owner'] })
    if (page.isErr()) throw new HttpProblem(page.error)
    const { items, next } = page.value
    ctx.body = { items: items.map((media) => toJson(media, links)), next }
  }

/** GET /media/{id}/ */
export const mediaRoute =
  (links: Links): Middleware =>
  async (ctx) => {
    const mediaport: Mediaport = ctx.state['mediaport']
    const found = await mediaport.getMedia(ctx['params'].id, { owner: ctx.state['owner'] })
    if (found.isErr()) throw new HttpProblem(found.error)
    ctx.set('ETag', entityTag(found.value))
    ctx.status = 200
    if (ctx.fresh) ctx.status = 304
    else ctx.body = toJson(found.value, links)
  }

/** PATCH /media/{id}/ */
export const changeRoute =
  (links: Links, pace: Pace): Middleware =>
  async (ctx) => {
    const mediaport: Mediaport = ctx.state['mediaport']
    const changes = await readJson(ctx, Changes, pace)
    const condition = await conditionOf(ctx)
    const changed = await mediaport.changeMedia(ctx['params'].id, { ...changes, ...condition })
    if (changed.isErr()) throw new HttpProblem(changed.error)
    ctx.set('ETag', entityTag(changed.value))
    ctx.body = toJson(changed.value, links)
  }

/** DELETE /media/{id}/ */
export const deleteRoute: Middleware = async (ctx) => {
  const mediaport: Mediaport = ctx.state['mediaport']
  const deleted = await mediaport.deleteMedia(ctx['params'].id, await conditionOf(ctx))
  if (deleted.isErr()) throw new HttpProblem(deleted.error)
  ctx.status = 204
}

/** GET /media/{id}/title/ */
export const titleRoute: Middleware = async (ctx) => {
  const mediaport: Mediaport = ctx.state['mediaport']
  const read = await mediaport.readTitle(ctx['params'].id, { owner: ctx.state['owner'] })
  if (read.isErr()) throw new HttpProblem(read.error)
  ctx.body = read.value satisfies z.infer<typeof Title>
}

/** GET /media/{id}/metadata/ */
export const metadataRoute =
  (showsLocation: boolean): Middleware =>
  async (ctx) => {
    const mediaport: Mediaport = ctx.state['mediaport']
    const read = await mediaport.readMetadata(ctx['params'].id, { owner: ctx.state['owner'] })
    if (read.isErr()) throw new HttpProblem(read.error)
    ctx.body = metadataToJson(read.value, showsLocation)
  }

/** If-Match (RFC 9110 section 13.1.1): a strong tag of the media as it is, or a star. */
async function conditionOf(ctx: Context): Promise<Condition> {
  const owner: string = ctx.state['owner']
  const ifMatch = ctx.get('If-Match')
  if (ifMatch === '' || ifMatch === '*') return { owner }
  const mediaport: Mediaport = ctx.state['mediaport']
  const found = await mediaport.getMedia(ctx['params'].id, { owner })
  if (found.isErr()) throw new HttpProblem(found.error)
  const tags = ifMatch.split(',').map((tag) => tag.trim())
  if (!tags.includes(entityTag(found.value))) throw new HttpProblem({ type: 'precondition-failed' })
  return { owner, ifVersion: found.value.version }
}

/** A client's own word, made safe to show. */
const shown = (word: unknown): string => JSON.stringify(String(word).slice(0, 64))
