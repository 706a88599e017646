import type { Result, ResultAsync } from 'neverthrow'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Intent, Media, Receiving, Stored } from '../../domain/media/media.ts'
import type { Transition } from '../../domain/media/transitions.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Unavailable } from './unavailable.ts'

/**
 * The truth about every media. Time is the repository's own clock, never the caller's: several processes share it.
 * What every repository owes is proved by the MediaRepository contract.
 */
export interface MediaRepository {
  /** Writes a `receiving` row whose lease runs for `leaseSeconds` from now; errs with the row that has this id already. */
  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere | Unavailable>

  /** In any state. */
  get(id: MediaId): ResultAsync<Media, NotFound | Unavailable>

  /** `stored` media only, newest first by (`createdAt`, `id`). */
  list(query: ListQuery): ResultAsync<readonly Stored[], Unavailable>

  /**
   * Locks the row, applies the pure `change` to it with the repository's clock, and writes the media and delivers the
   * events in one transaction: all or nothing, and no two updates of one row overlap. An error of `change` writes
   * nothing. After `unavailable` the outcome is unknown.
   */
  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable>

  /** Lets the lease run for `leaseSeconds` from now, only while the row is `receiving` under this very attempt. */
  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable>

  /**
   * Rows that time alone moves on, by ascending id, those after `after` first: `receiving` whose lease has run out, and
   * `abandoned` or `deleted` that were discarded more than `forgetAfterSeconds` ago, or never.
   */
  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], Unavailable>

  /** Removes the row, if it is `abandoned` or `deleted`, still under this attempt. One that is not is no error. */
  forget(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable>

  /** Rows in every state, by ascending id, those after `after` first. An empty page is the end. */
  scan(after: MediaId | undefined, limit: number): ResultAsync<readonly Media[], Unavailable>
}

/** Any state but `stored`, which nothing but people ends. */
export type Due = Exclude<Media, Stored>

export type Change<To extends Media, E> = (media: Media, now: Date) => Result<Transition<To>, E>

export interface ListQuery {
  /** Everybody's when absent. */
  readonly owner?: string | undefined
  readonly tag?: Tag | undefined
  /** Only what comes after this place in the order. */
  readonly after?: Place | undefined
  readonly limit: number
}

/** A place in the order of a list. */
export interface Place {
  readonly createdAt: Date
  readonly id: MediaId
}

export interface AlreadyThere {
  readonly type: 'already-there'
  readonly media: Media
}

export interface NotFound {
  readonly type: 'not-found'
}

export interface LeaseLost {
  readonly type: 'lease-lost'
}
