import { stringify } from 'yaml'
import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi'
import { type Code, HttpProblem, summary } from './problem.ts'
import type { Responses, Route } from './route.ts'
import { Problem } from './schemas.ts'

type Document = ReturnType<typeof createDocument>

const SchemaQuery = z.strictObject({ format: z.enum(['yaml', 'json']).optional() })

/** GET /schema/: what it describes, itself among it. */
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
    handle: (ctx) => {
      const query = SchemaQuery.safeParse(ctx.query)
      if (!query.success)
        throw new HttpProblem({ type: 'invalid-query', parameter: 'format', reason: 'yaml or json, and nothing else' })
      const { format = ctx.accepts('application/yaml', 'application/json') === 'application/json' ? 'json' : 'yaml' } =
        query.data
      ctx.type = `application/${format}`
      ctx.body = format === 'json' ? asJson : asYaml
    },
  }
  const document = describeApi([...others, route])
  const asJson = JSON.stringify(document, null, 2)
  const asYaml = stringify(document, { aliasDuplicateObjects: false })
  return route
}

/** What any route may answer with; those with a scope need a key or rights, and what stands behind the use cases. */
const ALWAYS: readonly Code[] = ['bad-host', 'forbidden', 'internal-error', 'shutting-down']
const SCOPED: readonly Code[] = ['unauthenticated', 'cross-site', 'starting', 'unavailable']

/** The OpenAPI 3.1 document of these routes. */
function describeApi(routes: readonly Route[]): Document {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const { method, path, scope, operation, errors } of routes) {
    const codes = [...ALWAYS, ...(scope ? SCOPED : []), ...errors]
    paths[path] = {
      ...paths[path],
      [method]: {
        ...operation,
        ...(scope && { description: `${operation.description ?? ''}\n\nNeeds the scope \`${scope}\`.`.trim() }),
        responses: problems(codes, operation.responses),
      },
    }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'mediaport',
      version: '1',
      description:
        'Takes files in and gives them back. An upload is either there, whole and listed, or it is nowhere.\n\n' +
        'Every address works with and without the slash at its end. Every error is a problem (RFC 9457) whose `type` ends in a code that does not change.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Media', description: 'Files: in, found again, and out' },
      { name: 'Server', description: 'How the server is, and what it can do' },
    ],
    paths,
  })
}

/** One response a status, with an example for each code; what a route says of a status itself comes first. */
function problems(codes: readonly Code[], own: Responses): Responses {
  const responses: Record<string, ZodOpenApiResponseObject> = { ...own }
  for (const [status, ofStatus] of Map.groupBy(codes, (code) => String(summary(code).status))) {
    const examples = ofStatus.map((code) => [code, { value: { ...summary(code), request_id: SAMPLE_REQUEST } }])
    const { description, content, ...rest } = responses[status] ?? {}
    responses[status] = {
      ...rest,
      description: [description, ...ofStatus.map((code) => `\`${code}\`: ${summary(code).title}`)]
        .filter(Boolean)
        .join('; '),
      content: {
        ...content,
        'application/problem+json': { schema: Problem, examples: Object.fromEntries(examples) },
      },
    }
  }
  return responses
}

const SAMPLE_REQUEST = '7a61f1a5-32f7-4a52-9d3a-5f1c0b6a8a55'
