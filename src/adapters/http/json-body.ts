import { finished } from 'node:stream'
import type { Context } from 'koa'
import { err, ok, Result, ResultAsync } from 'neverthrow'
import type { ZodType } from 'zod'
import { MAX_JSON_BYTES } from './limits.ts'
import type { HttpRefusal } from './problem.ts'
import { type Pace, watchPace } from './upload/pace.ts'

const MAX_DEPTH = 8

/**
 * Reads the JSON object in the body (RFC 8259) and checks it against `schema`. Refuses what parsers read differently:
 * encodings other than UTF-8, a byte order mark, a name that occurs twice, and `__proto__`.
 */
export function readJson<T>(ctx: Context, schema: ZodType<T>, pace: Pace): ResultAsync<T, JsonRefusal> {
  return new ResultAsync(read(ctx, schema, pace))
}

type JsonRefusal =
  | HttpRefusal<'unsupported-media-type' | 'malformed-json' | 'validation-error' | 'too-large'>
  | { readonly type: 'too-slow' }

async function read<T>(ctx: Context, schema: ZodType<T>, pace: Pace): Promise<Result<T, JsonRefusal>> {
  if (!ctx.is('application/json')) return err({ type: 'unsupported-media-type', detail: 'Send application/json.' })
  if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
  const body = await readBody(ctx, pace)
  const text = body.andThen(decode)
  const value = text.andThen(parse).andThen((parsed) => check(parsed, schema))
  if (text.isErr() || value.isErr()) return value
  // This parser finds repeated names. It is recursive, so it runs last, when the body is known to be small and flat.
  const { parseDocument } = await import('yaml')
  return parseDocument(text.value).errors.length > 0 ? err(malformed('A name occurs twice in one object.')) : value
}

function readBody({ req }: Context, pace: Pace): Promise<Result<Buffer, JsonRefusal>> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (result: Result<Buffer, JsonRefusal>): void => {
      stopWatching()
      req.off('data', onData)
      resolve(result)
    }
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      if (size > MAX_JSON_BYTES) settle(err(TOO_LARGE))
      else chunks.push(chunk)
    }
    const stopWatching = watchPace(req, pace, () => settle(err({ type: 'too-slow' })))
    finished(req, { writable: false }, (error) =>
      settle(error ? err(malformed('The body ends early.')) : ok(Buffer.concat(chunks))),
    )
    req.on('data', onData)
  })
}

const decode = Result.fromThrowable(
  (bytes: Buffer) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
  () => malformed('The body is not UTF-8.'),
)

const parseJson = Result.fromThrowable(
  (text: string): unknown => JSON.parse(text),
  () => malformed('The body is not JSON.'),
)

const parse = (text: string): Result<object, JsonRefusal> =>
  parseJson(text).andThen((value) =>
    isObject(value) && !Array.isArray(value) && !isTooDeep(value, MAX_DEPTH)
      ? ok(value)
      : err(malformed(`The body must be an object with at most ${MAX_DEPTH} levels.`)),
  )

function check<T>(value: object, schema: ZodType<T>): Result<T, JsonRefusal> {
  const checked = schema.safeParse(value)
  if (checked.success) return ok(checked.data)
  const [issue] = checked.error.issues
  return err({ type: 'validation-error', detail: `${issue?.path.join('.') || 'The body'}: ${issue?.message}.` })
}

const isTooDeep = (value: object, levels: number): boolean =>
  levels === 0 ||
  Object.hasOwn(value, '__proto__') ||
  Object.values(value).some((inner) => isObject(inner) && isTooDeep(inner, levels - 1))

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const malformed = (detail: string): HttpRefusal<'malformed-json'> => ({ type: 'malformed-json', detail })
const TOO_LARGE: JsonRefusal = {
  type: 'too-large',
  detail: `A JSON body may have at most ${MAX_JSON_BYTES} bytes.`,
}
