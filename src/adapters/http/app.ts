import { randomUUID } from 'node:crypto'
import Koa, { type Middleware } from 'koa'
import type { Mediaport } from '../../application/mediaport.ts'
import { type Access, guardAccess } from './access.ts'
import { closeAfterAnswer, hasBody } from './linger.ts'
import { HttpProblem, toProblem } from './problem.ts'
import { createRouter } from './router.ts'
import type { Settings } from './routes.ts'

export interface HttpOptions extends Settings {
  readonly access: Access
  /** While true, what still comes in is turned away. */
  readonly isDraining: () => boolean
  /** Whether the server has closed the connections of requests that were still under way. */
  readonly isCutOff: () => boolean
  readonly log: Log
}

/** A structured log, such as pino's. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * The HTTP API over the use cases.
 * @param mediaport may still be on its way: until it is there, only `/ping/` and `/healthcheck/` answer at once.
 */
export function createApp(mediaport: Mediaport | Promise<Mediaport>, options: HttpOptions): Koa {
  const { access, isDraining } = options
  const app = new Koa()
  app.use(answerProblems(options))
  app.use(turnAwayWhen(isDraining))
  app.use(meetExpectations)
  app.use(guardAccess(access))
  app.use(createRouter(mediaport, options).routes())
  app.use(nothingHere)
  app.on('error', (error: unknown) => {
    // The request of a client that left has a line of its own.
    if (!isGone(error)) options.log.error({ err: error }, 'the connection broke while an answer was sent')
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

/** Asked every few seconds, as long as the server runs. */
const PROBE = /^\/(ping|healthcheck)\/?$/

/** Outermost: gives each request its id, each error its answer, and each request one line in the log. */
const answerProblems =
  ({ log, isCutOff }: Pick<HttpOptions, 'log' | 'isCutOff'>): Middleware =>
  async (ctx, next) => {
    const requestId = randomUUID()
    const began = performance.now()
    const standard = { ...SECURITY_HEADERS, 'X-Request-Id': requestId }
    ctx.set(standard)
    let cause: unknown
    let code: string | undefined
    try {
      await next()
    } catch (thrown) {
      const error = isCutOff() ? SHUTTING_DOWN : thrown instanceof HttpProblem ? thrown.error : INTERNAL_ERROR
      const problem = toProblem(error, requestId)
      code = error !== SHUTTING_DOWN && ctx.res.headersSent && isGone(thrown) ? 'client-left' : error.type
      cause = thrown instanceof HttpProblem ? thrown.cause : thrown
      if (ctx.res.headersSent) ctx.res.destroy()
      else {
        for (const name of ctx.res.getHeaderNames()) ctx.remove(name)
        ctx.set({ ...standard, ...problem.headers })
        ctx.status = problem.status
        ctx.type = 'application/problem+json'
        ctx.body = JSON.stringify(problem.body)
      }
    }
    // Where a refused body ends depends on who reads it, so nothing that follows it is believed to be a request.
    if (hasBody(ctx.req) && (code !== undefined || !ctx.req.complete)) closeAfterAnswer(ctx.req, ctx.res)
    const milliseconds = Math.round(performance.now() - began)
    const line = {
      request_id: requestId,
      method: ctx.method,
      path: ctx.path.slice(0, 200),
      status: ctx.status,
      code,
      milliseconds,
    }
    if (code === undefined && PROBE.test(ctx.path)) log.debug(line, 'answered')
    else if (ctx.status >= 500 || code === 'internal-error' || code === 'shutting-down')
      log.error({ ...line, err: cause }, 'failed')
    else if (code === undefined) log.info(line, 'answered')
    else log.warn(line, 'refused')
  }

/** Whether this is what node:http and node:stream say of a client that left, or of one that no longer speaks HTTP. */
const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(ECONNRESET|ECONNABORTED|EPIPE|HPE_|ERR_STREAM_PREMATURE_CLOSE)/.test(String(error.code))

const turnAwayWhen =
  (isDraining: () => boolean): Middleware =>
  async (ctx, next) => {
    if (isDraining()) throw new HttpProblem(SHUTTING_DOWN)
    await next()
  }

/** RFC 9110 section 10.1.1; 100-continue is answered by the route that reads the body. */
const meetExpectations: Middleware = async (ctx, next) => {
  const expectation = ctx.get('Expect')
  if (expectation !== '' && expectation.toLowerCase() !== '100-continue')
    throw new HttpProblem({ type: 'expectation-failed' })
  await next()
}

const nothingHere: Middleware = (ctx) => {
  const layers: { methods: string[] }[] = ctx['matched'] ?? []
  const allowed = [...new Set(layers.flatMap(({ methods }) => methods))]
  if (allowed.length === 0 || allowed.includes(ctx.method)) throw new HttpProblem({ type: 'not-found' })
  throw new HttpProblem({ type: 'method-not-allowed', headers: { Allow: allowed.join(', ') } })
}
