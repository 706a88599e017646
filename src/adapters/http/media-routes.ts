import type { Middleware } from 'koa'
import type { Mediaport } from '../../application/mediaport.ts'
import { entityTag, type Links, toJson } from './media-json.ts'
import { HttpProblem } from './problem.ts'
import { ListQuery } from './schemas.ts'

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

/** A client's own word, made safe to show. */
const shown = (word: unknown): string => JSON.stringify(String(word).slice(0, 64))
