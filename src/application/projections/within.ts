import { err, type Result, ResultAsync } from 'neverthrow'
import { type Dependency, type Unavailable, unavailable } from '../ports/unavailable.ts'

/** Returns the result of `work`, or `unavailable` after `timeoutMs`. The work itself is not cancelled. */
export function within<T, E>(
  timeoutMs: number,
  dependency: Dependency,
  work: ResultAsync<T, E>,
): ResultAsync<T, E | Unavailable> {
  const timeout = Promise.withResolvers<Result<T, E | Unavailable>>()
  const timer = setTimeout(
    () => timeout.resolve(err(unavailable(dependency)(new Error(`No answer within ${timeoutMs} ms.`)))),
    timeoutMs,
  )
  return new ResultAsync(Promise.race([work, timeout.promise]).finally(() => clearTimeout(timer)))
}
