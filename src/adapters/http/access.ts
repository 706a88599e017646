import type { Context, Middleware } from 'koa'
import { HttpProblem } from './problem.ts'

export const SCOPES = ['read', 'upload', 'write', 'delete', 'metrics'] as const
export type Scope = (typeof SCOPES)[number]

export interface Access {
  /** Hosts that are served beside the loopback names, without port, lower case. */
  readonly hosts: readonly string[]
  /** What who has no key may do. */
  readonly anonymousScopes: readonly Scope[]
  /** Listening on loopback only: a request that came through a proxy was not meant for it. */
  readonly loopbackOnly: boolean
  readonly publicUrl: string
}

/** RFC 9110 section 7.2: a name or an address in brackets, and a port. */
const HOST = /^(?<name>[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']

/**
 * Keeps a server without keys to those it was started for: a page on another site, a name that was made to point here
 * and a forgotten proxy all look like the local user.
 */
export const guardAccess =
  ({ hosts, loopbackOnly, publicUrl }: Access): Middleware =>
  async (ctx, next) => {
    const host = HOST.exec(ctx.req.headers.host ?? '')?.groups?.['name']?.toLowerCase()
    const lines = ctx.req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
    if (host === undefined || lines.length > 1 || !(LOOPBACK.test(host) || hosts.includes(host)))
      throw new HttpProblem({
        type: 'bad-host',
        detail: 'Use the address the server was started with, or set ALLOWED_HOSTS.',
      })
    if (loopbackOnly && PROXY_HEADERS.some((name) => ctx.req.headers[name] !== undefined))
      throw new HttpProblem({ type: 'forbidden', detail: 'Requests through a proxy are not answered on loopback.' })
    if (/^\/(upload|media|metrics)(\/|$)/.test(ctx.path) && isFromElsewhere(ctx, publicUrl))
      throw new HttpProblem({ type: 'cross-site' })
    await next()
  }

function isFromElsewhere(ctx: Context, publicUrl: string): boolean {
  if (ctx.get('Sec-Fetch-Site') === 'cross-site') return true
  const origin = ctx.get('Origin')
  if (origin === '') return false
  return origin !== `http://${ctx.get('Host')}` && origin !== new URL(publicUrl).origin
}

/** Lets a request through that may do this. Without keys everybody is `anonymous`, and a key is never a right one. */
export const requires =
  (scope: Scope, { anonymousScopes }: Access): Middleware =>
  async (ctx, next) => {
    if (ctx.get('Authorization') !== '' || !anonymousScopes.includes(scope))
      throw new HttpProblem({ type: 'unauthenticated', headers: { 'WWW-Authenticate': 'Bearer' } })
    ctx.state['owner'] = 'anonymous'
    await next()
  }
