import { pipeline } from 'node:stream/promises'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { err, type Result } from 'neverthrow'
import type { Mediaport } from '../../application/mediaport.ts'
import { isCrossSite, isNavigation } from './access.ts'
import { apiRoutes } from './api.ts'
import { authorize } from './auth/authorize.ts'
import { linksTo } from './media-json.ts'
import type { HttpOptions } from './options.ts'
import { landingPage } from './pages/landing.ts'
import { redocAssets, redocPage } from './pages/redoc.ts'
import { swaggerAssets, swaggerPage } from './pages/swagger.ts'
import { type ApiError, refuse } from './problem.ts'
import type { Content, Reply, Route } from './route.ts'

/** How long a request waits for a server that is starting. */
const START_TIMEOUT_MS = 10_000
/** A client that reads no bytes for this time is disconnected. */
const READER_IDLE_MS = 60_000

/** Serves the routes of the API and the pages. */
export function createRouter(mediaport: Mediaport | Promise<Mediaport>, options: HttpOptions): Router {
  const router = new Router()
  const startup = new Startup(mediaport)
  for (const route of apiRoutes(linksTo(options.access.publicUrl), options))
    router[route.method](routerPath(route.path), serve(route, options, startup))

  router.get('/', landingPage)
  router.get('/swagger', swaggerPage)
  router.get('/swagger/assets/:name', swaggerAssets)
  router.get('/redoc', redocPage)
  router.get('/redoc/assets/:name', redocAssets)
  return router
}

/** Translates a path template. The router itself matches paths with and without the slash at the end. */
const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/\/$/, '')

const serve =
  (route: Route, options: HttpOptions, startup: Startup): Middleware =>
  async (ctx) => {
    const answer = await handle(route, ctx, options, startup)
    if (answer.isErr()) refuse(ctx, answer.error)
    else await send(ctx, answer.value)
  }

async function handle(
  route: Route,
  ctx: Context,
  { access, authenticate }: HttpOptions,
  startup: Startup,
): Promise<Result<Reply, ApiError>> {
  if (route.scope === undefined) return route.handle({ ctx, mediaport: startup.mediaport })
  // The key of tokens is read when the server starts.
  const mediaport = startup.mediaport ?? (await startup.wait(START_TIMEOUT_MS))
  if (mediaport === undefined) return err({ type: 'starting' })
  const caller = await authorize(ctx, route.scope, authenticate, access.anonymousScopes)
  if (caller.isErr()) return err(caller.error)
  const isAllowedFromOtherSites = caller.value.isLink || (route.allowsNavigation && isNavigation(ctx))
  if (isCrossSite(ctx, access.publicUrl) && !isAllowedFromOtherSites) return err({ type: 'cross-site' })
  return route.handle({ ctx, mediaport, caller: caller.value })
}

async function send(ctx: Context, { status, headers = {}, body, content }: Reply): Promise<void> {
  ctx.status = status
  ctx.set(headers)
  if (content) await sendContent(ctx, content)
  else if (body !== undefined) ctx.body = body
}

/** Sends exactly `length` bytes or closes the connection, so that a client notices when a part is missing. */
async function sendContent(ctx: Context, { length, bytes }: Content): Promise<void> {
  ctx.respond = false
  ctx.set('Content-Length', String(length))
  if (!bytes) {
    ctx.res.end()
    return
  }
  ctx.res.setTimeout(READER_IDLE_MS, () => ctx.res.destroy())
  async function* countBytes() {
    let sentBytes = 0
    for await (const chunk of bytes ?? []) {
      sentBytes += chunk.length
      yield chunk
    }
    if (sentBytes !== length) throw new Error(`The storage returned ${sentBytes} of ${length} bytes.`)
  }
  await pipeline(countBytes, ctx.res)
}

/** The use cases, which may still wait for their connections. */
class Startup {
  /** `undefined` until the use cases have started. */
  mediaport: Mediaport | undefined
  readonly #promise: Promise<Mediaport>

  constructor(mediaport: Mediaport | Promise<Mediaport>) {
    this.#promise = Promise.resolve(mediaport)
    if (!(mediaport instanceof Promise)) this.mediaport = mediaport
    this.#promise.then(
      (value) => (this.mediaport = value),
      () => undefined,
    )
  }

  /** Returns `undefined` if the use cases do not start within `timeoutMs`. */
  async wait(timeoutMs: number): Promise<Mediaport | undefined> {
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, timeoutMs)
    try {
      return (await Promise.race([this.#promise, timeout.promise])) ?? undefined
    } finally {
      clearTimeout(timer)
    }
  }
}
