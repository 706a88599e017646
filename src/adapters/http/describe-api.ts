import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi'
import { type Code, summary } from './problem.ts'
import { COMMON_ERRORS, type Responses, type Route, SCOPED_ERRORS } from './route.ts'
import { Problem } from './schemas.ts'

/** Returns the OpenAPI 3.1 document of the routes. */
export function describeApi(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const { method, path, scope, operation, errors } of routes) {
    const codes = [...COMMON_ERRORS, ...(scope ? SCOPED_ERRORS : []), ...errors]
    paths[path] = {
      ...paths[path],
      [method]: {
        ...operation,
        ...(scope && {
          description: `${operation.description ?? ''}\n\nNeeds the scope \`${scope}\`.`.trim(),
          security: [{ [BEARER]: [] }, {}],
        }),
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
        'Stores files and serves them. A file is listed only when all of it is stored. A failed upload leaves nothing that a reader can see.\n\n' +
        'Every path works with and without the slash at its end. Every error is a problem document (RFC 9457). Its `type` ends in a code that does not change.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'Media', description: 'Upload, find, change and download files' },
      { name: 'Access', description: 'Create tokens and links' },
      { name: 'Server', description: 'State and description of the server' },
    ],
    paths,
    components: {
      securitySchemes: {
        [BEARER]: { type: 'http', scheme: 'bearer', description: 'An API key, such as mp_app_…, or a token' },
      },
    },
  })
}

/** The name of the security scheme. The empty alternative stands for callers without credentials. */
const BEARER = 'bearer'

/** Adds one response per status, with an example for each code. The route's own description of a status comes first. */
function problems(codes: readonly Code[], own: Responses): Responses {
  const responses: Record<string, ZodOpenApiResponseObject> = { ...own }
  for (const [status, codesOfStatus] of Map.groupBy(codes, (code) => String(summary(code).status))) {
    const examples = codesOfStatus.map((code) => [code, { value: { ...summary(code), request_id: SAMPLE_REQUEST } }])
    const { description, content, ...rest } = responses[status] ?? {}
    responses[status] = {
      ...rest,
      description: [description, ...codesOfStatus.map((code) => `\`${code}\`: ${summary(code).title}`)]
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
