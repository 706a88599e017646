import Router from '@koa/router'
import type { Middleware } from 'koa'
import type { Mediaport } from '../../application/mediaport.ts'
import { requires } from './access.ts'
import type { HttpOptions } from './app.ts'
import { linksFrom } from './media-json.ts'
import { schemaRoute } from './openapi.ts'
import { landingPage } from './pages/landing.ts'
import { redocAssets, redocPage } from './pages/redoc.ts'
import { swaggerAssets, swaggerPage } from './pages/swagger.ts'
import { HttpProblem } from './problem.ts'
import { apiRoutes, type Settings } from './routes.ts'

/** How long a request waits for a server that is starting. */
const START_WAIT_MS = 10_000

/** The API, each route as its table says, and the pages for people. */
export function createRouter(
  mediaport: Mediaport | Promise<Mediaport>,
  { access, ...settings }: Pick<HttpOptions, 'access'> & Settings,
): Router {
  const router = new Router()
  const started = startedWithin(mediaport)
  const routes = apiRoutes(linksFrom(access.publicUrl), settings)
  for (const { method, path, scope, handle } of [...routes, schemaRoute(routes)])
    router[method](routerPath(path), ...(scope ? [requires(scope, access), started] : []), handle)

  router.get('/', landingPage)
  router.get('/swagger', swaggerPage)
  router.get('/swagger/assets/:name', swaggerAssets)
  router.get('/redoc', redocPage)
  router.get('/redoc/assets/:name', redocAssets)
  return router
}

/** The router matches with and without the slash at the end. */
const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/\/$/, '')

function startedWithin(mediaport: Mediaport | Promise<Mediaport>): Middleware {
  let ready = mediaport instanceof Promise ? undefined : mediaport
  if (mediaport instanceof Promise)
    mediaport.then(
      (started) => (ready = started),
      () => undefined,
    )
  return async (ctx, next) => {
    ctx.state['mediaport'] = ready ?? (await startWithin(mediaport, START_WAIT_MS))
    await next()
  }
}

async function startWithin(mediaport: Mediaport | Promise<Mediaport>, timeoutMs: number): Promise<Mediaport> {
  const waited = Promise.withResolvers<void>()
  const timer = setTimeout(waited.resolve, timeoutMs)
  const ready = await Promise.race([mediaport, waited.promise])
  clearTimeout(timer)
  if (!ready) throw new HttpProblem({ type: 'starting' })
  return ready
}
