import type { Context } from 'koa'
import type { Err, Result, ResultAsync } from 'neverthrow'
import { type ZodType, z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi'
import type { Mediaport } from '../../application/mediaport.ts'
import type { Caller, Scope } from './access.ts'
import type { ApiError, Code } from './problem.ts'

/** By status. */
export type Responses = Readonly<Record<string, ZodOpenApiResponseObject>>

/** One operation of the API: its description in OpenAPI and the handler that serves it. */
export type Route = OpenRoute | ScopedRoute

/** Answers anyone, also while the server starts. */
export interface OpenRoute extends Described {
  readonly scope?: undefined
  readonly handle: (request: OpenRequest) => Answer
}

/** Answers a caller that has `scope`, once the server has started. */
export interface ScopedRoute extends Described {
  readonly scope: Scope
  readonly handle: (request: ApiRequest) => Answer
}

interface Described {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it. It is served with and without the slash at its end. */
  readonly path: `/${string}`
  readonly operation: ZodOpenApiOperationObject & { responses: Responses }
  /** The codes that `handle` can return, besides those of all routes. */
  readonly errors: readonly Code[]
}

export interface OpenRequest {
  readonly ctx: Context
  /** `undefined` while the server starts. */
  readonly mediaport: Mediaport | undefined
}

export interface ApiRequest {
  readonly ctx: Context
  readonly mediaport: Mediaport
  readonly caller: Caller
}

type Answer = Promise<Result<Reply, ApiError>> | ResultAsync<Reply, ApiError>

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string
  /** Bytes to send instead of a `body`. */
  readonly content?: Content
}

export interface Content {
  /** How many bytes there are. If the stream has fewer or more, the connection is closed. */
  readonly length: number
  /** Absent in the answer to HEAD. */
  readonly bytes?: AsyncIterable<Uint8Array>
}

/** What any route can answer with. */
export const COMMON_ERRORS = ['bad-host', 'expectation-failed', 'forbidden', 'internal-error', 'shutting-down'] as const
/** What a route with a scope can answer with. */
export const SCOPED_ERRORS = ['unauthenticated', 'cross-site', 'starting', 'unavailable'] as const

/**
 * Defines a route with a scope. If `errors` lacks a code that `handle` can return, the result is no `Route`: its type names
 * the missing codes.
 */
export function route<const Errors extends readonly Code[], Returned extends Answer>(
  definition: Omit<ScopedRoute, 'errors' | 'handle'> & {
    readonly errors: Errors
    readonly handle: (request: ApiRequest) => Returned
  },
): Complete<Exclude<ErrorOf<Awaited<Returned>>['type'], Errors[number] | CommonCode>> {
  return definition as unknown as ReturnType<typeof route<Errors, Returned>>
}

type CommonCode = (typeof COMMON_ERRORS)[number] | (typeof SCOPED_ERRORS)[number]
type ErrorOf<R> = R extends Err<unknown, infer E extends ApiError> ? E : never
type Complete<MissingCode> = [MissingCode] extends [never] ? ScopedRoute : { readonly missing: MissingCode }

export const json = (description: string, schema: ZodType) => ({
  description,
  content: { 'application/json': { schema } },
})

export const EntityTag = z.string().meta({ description: 'Changes when this changes (RFC 9110 section 8.8.3)' })

/** Whether `If-None-Match` names this ETag (RFC 9110 section 13.1.2). The answer to GET or HEAD is then 304. */
export function isFresh(ctx: Context, etag: string): boolean {
  ctx.status = 200
  ctx.set('ETag', etag)
  return ctx.fresh
}
