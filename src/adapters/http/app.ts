import { randomUUID } from 'node:crypto'
import Koa, { type Context, type Middleware } from 'koa'
import type { Mediaport } from '../../application/mediaport.ts'
import { refusalOf } from './access.ts'
import { closeAfterAnswer, hasBody } from './linger.ts'
import type { HttpOptions } from './options.ts'
import { type ApiError, refusalFor, refuse, summary, toProblem } from './problem.ts'
import { createRouter } from './router.ts'

/**
 * The HTTP API over the use cases, as a Koa application.
 *
 * @param mediaport A promise if the use cases are still starting. Until it resolves, routes with a scope wait for up
 *   to 10 s, and then refuse the request with `starting`.
 * @example
 * const app = createApp(mediaport, options)
 * serveApp(createHttpServer(10).listen(8000), app)
 */
export function createApp(mediaport: Mediaport | Promise<Mediaport>, options: HttpOptions): Koa {
  const { access, isDraining } = options
  const app = new Koa()
  app.use(answerRequest(options))
  app.use(refuseIf(() => (isDraining() ? SHUTTING_DOWN : undefined)))
  app.use(refuseIf(unmetExpectation))
  app.use(refuseIf((ctx) => refusalOf(ctx, access)))
  app.use(createRouter(mediaport, options).routes())
  app.use(refuseIf(noRoute))
  app.on('error', (error: unknown) => {
    // The request of a client that disconnected already has a log line.
    if (!isDisconnect(error)) options.log.error({ err: error }, 'the connection failed while the answer was sent')
  })
  return app
}

const INTERNAL_ERROR = { type: 'internal-error' } as const
const SHUTTING_DOWN = { type: 'shutting-down' } as const

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
}

/** Health checks request these every few seconds. */
const PROBE = /^\/(ping|healthcheck)\/?$/

/** The outermost middleware. Gives each request an id, each error its answer, and each request one line in the log. */
const answerRequest =
  ({ log, isCutOff }: HttpOptions): Middleware =>
  async (ctx, next) => {
    const requestId = randomUUID()
    const startedAt = performance.now()
    const standard = { ...SECURITY_HEADERS, 'X-Request-Id': requestId }
    ctx.set(standard)
    let thrown: unknown
    let error: ApiError | undefined
    try {
      await next()
      error = refusalFor(ctx)
    } catch (cause) {
      thrown = cause
      error = INTERNAL_ERROR
    }
    if (error && isCutOff()) error = SHUTTING_DOWN
    const isDisconnected = error === INTERNAL_ERROR && ctx.res.headersSent && isDisconnect(thrown)
    if (error) answerProblem(ctx, error, requestId, standard)

    // Where a refused body ends depends on the parser, so no further request is read from this connection.
    if (hasBody(ctx.req) && (error || !ctx.req.complete)) closeAfterAnswer(ctx.req, ctx.res)
    const line = {
      request_id: requestId,
      method: ctx.method,
      path: ctx.path.slice(0, 200),
      status: ctx.status,
      code: isDisconnected ? 'client-left' : error?.type,
      milliseconds: Math.round(performance.now() - startedAt),
    }
    if (!error) log[PROBE.test(ctx.path) ? 'debug' : 'info'](line, 'answered')
    else if (isDisconnected || !isFault(error)) log.warn(line, 'refused')
    else log.error({ ...line, err: thrown ?? ('cause' in error ? error.cause : undefined) }, 'failed')
  }

/** Answers as RFC 9457 defines. If the head of another answer has been sent, closes the connection. */
function answerProblem(ctx: Context, error: ApiError, requestId: string, standard: Record<string, string>): void {
  if (ctx.res.headersSent) {
    ctx.res.destroy()
    return
  }
  const { status, headers, body } = toProblem(error, requestId)
  for (const name of ctx.res.getHeaderNames()) ctx.remove(name)
  ctx.set({ ...standard, ...headers })
  ctx.status = status
  ctx.type = 'application/problem+json'
  ctx.body = JSON.stringify(body)
}

/** Whether an operator must act. A server that is starting needs no action. */
const isFault = ({ type }: ApiError): boolean => type !== 'starting' && summary(type).status >= 500

/** Errors of node:http and node:stream for a client that disconnected or sent bytes that are not HTTP. */
const isDisconnect = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(ECONNRESET|ECONNABORTED|EPIPE|HPE_|ERR_STREAM_PREMATURE_CLOSE)/.test(String(error.code))

const refuseIf =
  (check: (ctx: Context) => ApiError | undefined): Middleware =>
  async (ctx, next) => {
    const error = check(ctx)
    if (error) refuse(ctx, error)
    else await next()
  }

/** RFC 9110 section 10.1.1. The handler that reads the body sends `100 Continue`. */
function unmetExpectation(ctx: Context): ApiError | undefined {
  const expectation = ctx.get('Expect')
  return expectation === '' || expectation.toLowerCase() === '100-continue' ? undefined : { type: 'expectation-failed' }
}

function noRoute(ctx: Context): ApiError {
  const layers: { methods: string[] }[] = ctx['matched'] ?? []
  const allowed = [...new Set(layers.flatMap(({ methods }) => methods))]
  if (allowed.length === 0 || allowed.includes(ctx.method)) return { type: 'not-found' }
  return { type: 'method-not-allowed', headers: { Allow: allowed.join(', ') } }
}
