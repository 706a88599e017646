import { z } from 'zod'
import { HttpProblem } from './problem.ts'
import type { Route } from './route.ts'

const SchemaQuery = z.strictObject({ format: z.enum(['yaml', 'json']).optional() })

/** GET /schema/: describes the other routes and itself. The document is made when it is first asked for. */
export function schemaRoute(others: readonly Route[]): Route {
  const route: Route = {
    method: 'get',
    path: '/schema/',
    operation: {
      summary: 'Get this description',
      description: 'OpenAPI 3.1, as YAML unless JSON is asked for by `format` or `Accept`.',
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
    handle: async (ctx) => {
      const query = SchemaQuery.safeParse(ctx.query)
      if (!query.success)
        throw new HttpProblem({ type: 'invalid-query', parameter: 'format', reason: 'yaml or json, and nothing else' })
      const { format = ctx.accepts('application/yaml', 'application/json') === 'application/json' ? 'json' : 'yaml' } =
        query.data
      ctx.type = `application/${format}`
      texts ??= describe([...others, route])
      ctx.body = (await texts)[format]
    },
  }
  let texts: ReturnType<typeof describe> | undefined
  return route
}

/** What makes the document takes memory and time that an upload does not need, so it is loaded here. */
async function describe(routes: readonly Route[]): Promise<Record<'json' | 'yaml', string>> {
  const [{ describeApi }, { stringify }] = await Promise.all([import('./describe-api.ts'), import('yaml')])
  const document = describeApi(routes)
  return {
    json: JSON.stringify(document, null, 2),
    yaml: stringify(document, { aliasDuplicateObjects: false }),
  }
}
