export type Dependency = 'database' | 'storage' | 'titles' | 'metadata'

/** Infrastructure did not answer, or not as it should. Trying again later may help; nothing is known of what it did. */
export interface Unavailable {
  readonly type: 'unavailable'
  readonly dependency: Dependency
  readonly cause: unknown
}

/** For `ResultAsync.fromPromise(work, unavailable('database'))`. */
export const unavailable =
  (dependency: Dependency) =>
  (cause: unknown): Unavailable => ({ type: 'unavailable', dependency, cause })
