export type Dependency = 'database' | 'storage' | 'titles' | 'metadata' | 'identity-provider'

/** A service did not answer, or not as expected. It may have done what it was asked to do. A later call may succeed. */
export interface Unavailable {
  readonly type: 'unavailable'
  readonly dependency: Dependency
  readonly cause: unknown
}

/** @example ResultAsync.fromPromise(work, unavailable('database')) */
export const unavailable =
  (dependency: Dependency) =>
  (cause: unknown): Unavailable => ({ type: 'unavailable', dependency, cause })
