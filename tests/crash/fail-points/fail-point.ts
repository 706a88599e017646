import { writeFileSync } from 'node:fs'
import type { ResultAsync } from 'neverthrow'

const { FAIL_POINT, FAIL_FIRED = '', FAIL_SIGNAL = 'SIGKILL' } = process.env
let hasFired = false

/**
 * If `point` is that of FAIL_POINT, writes it to the file FAIL_FIRED and sends FAIL_SIGNAL to this process, by default
 * SIGKILL.
 */
export function failPoint(point: string): void {
  if (point !== FAIL_POINT || hasFired) return
  hasFired = true
  writeFileSync(FAIL_FIRED, point)
  process.kill(process.pid, FAIL_SIGNAL)
}

/** As `failPoint`, but kills another process. */
export function failPointOf(point: string, kill: () => void): void {
  if (point !== FAIL_POINT) return
  writeFileSync(FAIL_FIRED, point)
  kill()
}

/** Replaces a method by a wrapper of it. */
export function wrapMethod<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  wrap: (original: Owner[Name]) => Owner[Name],
): void {
  owner[name] = wrap(owner[name])
}

type Method = (...args: never[]) => ResultAsync<unknown, unknown>

/**
 * Adds a fail point before a method and one after its success.
 * @param what Completes the names `before the …` and `after the …`.
 * @param onSent Calls its argument when the command of the method has been sent. This adds the point `… sent`.
 */
export function surround<Name extends string, Owner extends Record<Name, Method>>(
  { prototype }: { readonly prototype: Owner },
  name: Name,
  what: (...args: Parameters<Owner[Name]>) => string,
  onSent?: (sent: () => void) => unknown,
): void {
  const method: Method = prototype[name]
  function surrounded(this: unknown, ...args: Parameters<Owner[Name]>) {
    const point = what(...args)
    failPoint(`before the ${point}`)
    const result = method.apply(this, args as never[])
    onSent?.(() => failPoint(`${point} sent`))
    return result.andTee(() => failPoint(`after the ${point}`))
  }
  Object.assign(prototype, { [name]: surrounded })
}
