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
const PROXY_HEADERS = ['forwarded', 'via', 'x-real-ip', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']

/**
 * Returns the error if the request must be refused. Protects a server without credentials from host names that an attacker
 * points at it (DNS rebinding), and from a proxy that forwards the requests of others.
 */
export function refusalOf(ctx: Context, { hosts, loopbackOnly }: Access): ApiError | undefined {
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
  return undefined
}

/**
 * Whether a person follows an address from another site in a browser. The other site cannot read the answer (Fetch
 * Metadata, https://www.w3.org/TR/fetch-metadata/).
 */
export const isNavigation = (ctx: Context): boolean =>
  (ctx.method === 'GET' || ctx.method === 'HEAD') &&
  ctx.get('Sec-Fetch-Mode') === 'navigate' &&
  ctx.get('Sec-Fetch-Dest') === 'document'

/** Whether a page of another site sends the request. */
export function isCrossSite(ctx: Context, publicUrl: string): boolean {
  if (ctx.get('Sec-Fetch-Site') === 'cross-site') return true
  const origin = ctx.get('Origin')
  if (origin === '') return false
  return origin !== `http://${ctx.get('Host')}` && origin !== new URL(publicUrl).origin
}
