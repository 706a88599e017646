import type { Context } from 'koa'
import type { Scope } from './auth/caller.ts'
import type { ApiError } from './problem.ts'

/** Who may send requests, and what a caller without credentials may do. */
export interface Access {
  /** Hosts that are served besides the loopback names: lower case, without a port. */
  readonly hosts: readonly string[]
  /** What a caller without credentials may do. */
  readonly anonymousScopes: readonly Scope[]
  /** Whether only programs on this machine may use the server. It then refuses requests that came through a proxy. */
  readonly loopbackOnly: boolean
  /** The address at which clients reach the server. Pages of its origin may send requests. */
  readonly publicUrl: string
}

/** RFC 9110 section 7.2: a name or an address in brackets, and an optional port. */
const HOST = /^(?<name>[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']

/**
 * Returns the error if the request must be refused. Protects a server without credentials from pages of other sites,
 * from host names that an attacker points at it (DNS rebinding), and from a proxy that forwards the requests of others.
 */
export function refusalOf(ctx: Context, { hosts, loopbackOnly, publicUrl }: Access): ApiError | undefined {
  const host = HOST.exec(ctx.req.headers.host ?? '')?.groups?.['name']?.toLowerCase()
  const lines = ctx.req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host')
  if (host === undefined || lines.length > 1 || !(LOOPBACK.test(host) || hosts.includes(host)))
    return {
      type: 'bad-host',
      detail: 'Use the address that the server was started with, or add the host to ALLOWED_HOSTS.',
    }
  if (loopbackOnly && PROXY_HEADERS.some((name) => ctx.req.headers[name] !== undefined))
    return {
      type: 'forbidden',
      detail: 'A server that listens on loopback refuses requests that came through a proxy.',
    }
  if (PROTECTED.test(ctx.path) && isCrossSite(ctx, publicUrl) && !isHarmless(ctx)) return { type: 'cross-site' }
  return undefined
}

const PROTECTED = /^\/(upload|media|tokens|metrics)(\/|$)/

/**
 * Whether a request for content may come from any page: it has the token of a link, or a person follows an address in a
 * browser, and then the page cannot read the answer (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).
 */
const isHarmless = (ctx: Context): boolean =>
  /^\/media\/[^/]+\/content\/?$/.test(ctx.path) &&
  (ctx.method === 'GET' || ctx.method === 'HEAD') &&
  (ctx.query['token'] !== undefined ||
    (ctx.get('Sec-Fetch-Mode') === 'navigate' && ctx.get('Sec-Fetch-Dest') === 'document'))

function isCrossSite(ctx: Context, publicUrl: string): boolean {
  if (ctx.get('Sec-Fetch-Site') === 'cross-site') return true
  const origin = ctx.get('Origin')
  if (origin === '') return false
  return origin !== `http://${ctx.get('Host')}` && origin !== new URL(publicUrl).origin
}
