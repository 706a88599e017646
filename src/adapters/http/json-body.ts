import { finished } from 'node:stream'
import type { Context } from 'koa'
import type { ZodType } from 'zod'
import { HttpProblem } from './problem.ts'
import { type Pace, watchPace } from './upload/pace.ts'

const MAX_BYTES = 1024 * 1024
const MAX_DEPTH = 8

/**
 * The JSON object in the body (RFC 8259), as `schema` has it. Strict where parsers differ, so that all who read it read
 * the same: UTF-8 without a byte order mark, no name twice, no `__proto__`.
 */
export async function readJson<T>(ctx: Context, schema: ZodType<T>, pace: Pace): Promise<T> {
  if (!ctx.is('application/json'))
    throw new HttpProblem({ type: 'unsupported-media-type', detail: 'Send application/json.' })
  if (ctx.req.headers.expect !== undefined) ctx.res.writeContinue()
  const text = decode(await readBody(ctx, pace))
  const checked = schema.safeParse(parse(text))
  if (!checked.success) {
    const [issue] = checked.error.issues
    const detail = `${issue?.path.join('.') || 'The body'}: ${issue?.message}.`
    throw new HttpProblem({ type: 'validation-error', detail })
  }
  // Only now that it is known to be small and flat: this parser sees names that come twice, and goes down recursively.
  const { parseDocument } = await import('yaml')
  if (parseDocument(text).errors.length > 0) throw malformed('A name is in it twice.')
  return checked.data
}

function readBody({ req }: Context, pace: Pace): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > MAX_BYTES) fail(new HttpProblem({ type: 'too-large', limit: MAX_BYTES }))
      else chunks.push(chunk)
    }
    const end = (): void => {
      stopWatching()
      req.off('data', take)
    }
    const fail = (problem: HttpProblem): void => {
      end()
      reject(problem)
    }
    const stopWatching = watchPace(req, pace, () => fail(new HttpProblem({ type: 'too-slow' })))
    finished(req, { writable: false }, (error) => {
      end()
      if (error) reject(malformed('It is cut off.'))
      else resolve(Buffer.concat(chunks))
    })
    req.on('data', take)
  })
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('It is not UTF-8.')
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value) && !Array.isArray(value) && !isTooDeep(value, MAX_DEPTH)) return value
  } catch {
    throw malformed('It is not JSON.')
  }
  throw malformed('It has to be an object, and a flat one.')
}

const isTooDeep = (value: object, left: number): boolean =>
  left === 0 ||
  Object.hasOwn(value, '__proto__') ||
  Object.values(value).some((inner) => isObject(inner) && isTooDeep(inner, left - 1))

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const malformed = (detail: string): HttpProblem => new HttpProblem({ type: 'malformed-json', detail })
