import { err, ok } from 'neverthrow'
import { z } from 'zod'
import type { OpenRoute, Route } from '../route.ts'

const SchemaQuery = z.strictObject({ format: z.enum(['yaml', 'json']).optional() })

/** Describes the other routes and itself. The document is made at the first request. */
export function schemaRoute(others: readonly Route[]): OpenRoute {
  const route: OpenRoute = {
    method: 'get',
    path: '/schema/',
    operation: {
      summary: 'Get the OpenAPI document',
      description: 'OpenAPI 3.1 in YAML, or in JSON if `format` or `Accept` asks for it.',
      tags: ['Server'],
      requestParams: { query: SchemaQuery },
      responses: {
        200: {
          description: 'OpenAPI 3.1',
          content: { 'application/yaml': { schema: z.string() }, 'application/json': { schema: z.looseObject({}) } },
        },
      },
    },
    errors: ['invalid-query'],
    async handle({ ctx }) {
      const query = SchemaQuery.safeParse(ctx.query)
      if (!query.success) return err({ type: 'invalid-query', parameter: 'format', reason: 'must be yaml or json' })
      const { format = ctx.accepts('application/yaml', 'application/json') === 'application/json' ? 'json' : 'yaml' } =
        query.data
      texts ??= describe([...others, route])
      return ok({
        status: 200,
        headers: { 'Content-Type': `application/${format}; charset=utf-8` },
        body: (await texts)[format],
      })
    },
  }
  let texts: ReturnType<typeof describe> | undefined
  return route
}

/** Loads the generator on demand, because it needs memory and time that uploads do not need. */
async function describe(routes: readonly Route[]): Promise<Record<'json' | 'yaml', string>> {
  const [{ describeApi }, { stringify }] = await Promise.all([import('../describe-api.ts'), import('yaml')])
  const document = describeApi(routes)
  return {
    json: JSON.stringify(document, null, 2),
    yaml: stringify(document, { aliasDuplicateObjects: false }),
  }
}
