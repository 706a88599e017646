import { pipeline } from 'node:stream/promises'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { err, type Result } from 'neverthrow'
import type { Mediaport } from '../../application/mediaport.ts'
import { authorize } from './access.ts'
import { apiRoutes } from './api.ts'
import { linksTo } from './media-json.ts'
import type { HttpOptions } from './options.ts'
import { landingPage } from './pages/landing.ts'
import { redocAssets, redocPage } from './pages/redoc.ts'
import { swaggerAssets, swaggerPage } from './pages/swagger.ts'
import { type ApiError, refuse } from './problem.ts'
import type { Content, Reply, Route } from './route.ts'

/** How long a request waits for a server that is starting. */
const START_TIMEOUT_MS = 10_000
/** A client that takes no bytes for this long is disconnected. */
const READER_IDLE_MS = 60_000

/** The routes of the API, and the pages for people. */
export function createRouter(mediaport: Mediaport | Promise<Mediaport>, options: HttpOptions): Router {
  const router = new Router()
  const starting = new Starting(mediaport)
  for (const route of apiRoutes(linksTo(options.access.publicUrl), options))
    router[route.method](routerPath(route.path), serve(route, options, starting))

  router.get('/', landingPage)
  router.get('/swagger', swaggerPage)
  router.get('/swagger/assets/:name', swaggerAssets)
  router.get('/redoc', redocPage)
  router.get('/redoc/assets/:name', redocAssets)
  return router
}

/** The router matches with and without the slash at the end. */
const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/\/$/, '')

const serve =
  (route: Route, options: HttpOptions, starting: Starting): Middleware =>
  async (ctx) => {
    const answer = await handle(route, ctx, options, starting)
    if (answer.isErr()) refuse(ctx, answer.error)
    else await send(ctx, answer.value)
  }

async function handle(
  route: Route,
  ctx: Context,
  { access }: HttpOptions,
  starting: Starting,
): Promise<Result<Reply, ApiError>> {
  if (route.scope === undefined) return route.handle({ ctx, mediaport: starting.mediaport })
  const caller = authorize(ctx, route.scope, access)
  if (caller.isErr()) return err(caller.error)
  const mediaport = starting.mediaport ?? (await starting.wait(START_TIMEOUT_MS))
  if (mediaport === undefined) return err({ type: 'starting' })
  return route.handle({ ctx, mediaport, caller: caller.value })
}

async function send(ctx: Context, { status, headers = {}, body, content }: Reply): Promise<void> {
  ctx.status = status
  ctx.set(headers)
  if (content) await sendContent(ctx, content)
  else if (body !== undefined) ctx.body = body
}

/** Sends exactly `length` bytes, or closes the connection, so that no client takes a part of a file for all of it. */
async function sendContent(ctx: Context, { length, bytes }: Content): Promise<void> {
  ctx.respond = false
  ctx.set('Content-Length', String(length))
  if (!bytes) {
    ctx.res.end()
    return
  }
  ctx.res.setTimeout(READER_IDLE_MS, () => ctx.res.destroy())
  async function* counted() {
    let sent = 0
    for await (const chunk of bytes ?? []) {
      sent += chunk.length
      yield chunk
    }
    if (sent !== length) throw new Error(`The storage returned ${sent} of ${length} bytes.`)
  }
  await pipeline(counted, ctx.res)
}

/** The use cases, which may still be opening their connections. */
class Starting {
  /** `undefined` until they have started. */
  mediaport: Mediaport | undefined
  readonly #started: Promise<Mediaport>

  constructor(mediaport: Mediaport | Promise<Mediaport>) {
    this.#started = Promise.resolve(mediaport)
    if (!(mediaport instanceof Promise)) this.mediaport = mediaport
    this.#started.then(
      (started) => (this.mediaport = started),
      () => undefined,
    )
  }

  /** Returns `undefined` if they have not started within `timeoutMs`. */
  async wait(timeoutMs: number): Promise<Mediaport | undefined> {
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, timeoutMs)
    try {
      return (await Promise.race([this.#started, timeout.promise])) ?? undefined
    } finally {
      clearTimeout(timer)
    }
  }
}
