import { err, type Result, ResultAsync } from 'neverthrow'
import { type Dependency, type Unavailable, unavailable } from '../ports/unavailable.ts'

/**
 * What `work` answers, if it does so in time. Else `dependency` counts as unavailable; the work goes on by itself.
 * @param milliseconds how long somebody else may be kept waiting by it.
 */
export function within<T, E>(
  milliseconds: number,
  dependency: Dependency,
  work: ResultAsync<T, E>,
): ResultAsync<T, E | Unavailable> {
  return new ResultAsync(
    new Promise<Result<T, E | Unavailable>>((resolve) => {
      const giveUp = () => resolve(err(unavailable(dependency)(new Error(`no answer within ${milliseconds} ms`))))
      const timer = setTimeout(giveUp, milliseconds)
      const answer = (result: Result<T, E>): void => {
        clearTimeout(timer)
        resolve(result)
      }
      void work.then(answer)
    }),
  )
}
