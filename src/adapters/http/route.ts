import type { Context } from 'koa'
import type { Err, Result, ResultAsync } from 'neverthrow'
import { type ZodType, z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi'
import type { Mediaport } from '../../application/mediaport.ts'
import type { Caller, Scope } from './auth/caller.ts'
import type { ApiError, Code } from './problem.ts'

/** The responses of an operation, by status. */
export type Responses = Readonly<Record<string, ZodOpenApiResponseObject>>

/** One operation of the API: its description in OpenAPI and the handler that serves it. */
export type Route = OpenRoute | ScopedRoute

/** Answers every client, even while the server starts. */
export interface OpenRoute extends RouteDescription {
  readonly scope?: undefined
  readonly handle: (request: OpenRequest) => Answer
}

/** Answers callers that have `scope`, once the server has started. */
export interface ScopedRoute extends RouteDescription {
  readonly scope: Scope
  /** Whether people may follow an address of this route on pages of other sites. */
  readonly allowsNavigation?: boolean
  readonly handle: (request: ApiRequest) => Answer
}

interface RouteDescription {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** A path template of OpenAPI, such as `/media/{id}/`. It is served with and without the slash at its end. */
  readonly path: `/${string}`
  readonly operation: ZodOpenApiOperationObject & { responses: Responses }
  /** The codes that `handle` can return, besides `COMMON_ERRORS` and `SCOPED_ERRORS`. */
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

/** A successful answer. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON, a string unchanged. */
  readonly body?: object | string
  /** Bytes to send instead of a `body`. */
  readonly content?: Content
}

export interface Content {
  /** In bytes. If the stream has fewer or more, the connection is closed. */
  readonly length: number
  /** Absent in an answer to HEAD. */
  readonly bytes?: AsyncIterable<Uint8Array>
}

/** The errors of every route. */
export const COMMON_ERRORS = ['bad-host', 'expectation-failed', 'forbidden', 'internal-error', 'shutting-down'] as const
/** Further errors of every route with a scope. */
export const SCOPED_ERRORS = ['unauthenticated', 'token-expired', 'cross-site', 'starting', 'unavailable'] as const

/**
 * Defines a route with a scope. If `errors` lacks a code that `handle` can return, the result is not assignable to
 * `Route`, and its type names the missing codes.
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

/** An OpenAPI response with a JSON body. */
export const json = (description: string, schema: ZodType) => ({
  description,
  content: { 'application/json': { schema } },
})

export const EntityTag = z.string().meta({ description: 'The entity tag (RFC 9110 section 8.8.3)' })

/** Sets the ETag. Returns whether `If-None-Match` contains it (RFC 9110 section 13.1.2): the answer is then 304. */
export function isFresh(ctx: Context, etag: string): boolean {
  ctx.status = 200
  ctx.set('ETag', etag)
  return ctx.fresh
}
