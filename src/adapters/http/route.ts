import type { Middleware } from 'koa'
import { type ZodType, z } from 'zod'
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from 'zod-openapi'
import type { Scope } from './access.ts'
import type { Code } from './problem.ts'

/** By status. */
export type Responses = Readonly<Record<string, ZodOpenApiResponseObject>>

/** One thing the API does: what serves it and what is said about it can't part ways. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it; served with and without the slash at its end. */
  readonly path: `/${string}`
  /** What its caller must be allowed to do. Routes without one answer even while the server is starting. */
  readonly scope?: Scope
  readonly operation: ZodOpenApiOperationObject & { responses: Responses }
  /** Errors of its own, beside those that every route may answer with. */
  readonly errors: readonly Code[]
  readonly handle: Middleware
}

export const json = (description: string, schema: ZodType) => ({
  description,
  content: { 'application/json': { schema } },
})

export const EntityTag = z.string().meta({ description: 'Changes when this changes (RFC 9110 section 8.8.3)' })
