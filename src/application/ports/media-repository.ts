import type { Result, ResultAsync } from 'neverthrow'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Intent, Media, Receiving, Stored } from '../../domain/media/media.ts'
import type { Transition } from '../../domain/media/transitions.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Unavailable } from './unavailable.ts'

/**
 * The rows of all media items. They are the truth: everything else can be made again from them and the files. Several
 * processes share a repository, so it uses its own clock and never that of the caller.
 */
export interface MediaRepository {
  /** Adds a `receiving` row whose lease expires in `leaseSeconds`. Errs with the existing row if the id exists. */
  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere | Unavailable>

  /** Returns the row in any state. */
  get(id: MediaId): ResultAsync<Media, NotFound | Unavailable>

  /** Returns `stored` rows, newest first by (`createdAt`, `id`). */
  list(query: ListQuery): ResultAsync<readonly Stored[], Unavailable>

  /**
   * Locks the row, applies the pure function `change` with the repository's clock, writes the new row, and adds the events
   * to the outbox, in one transaction. Two updates of one row never overlap. If `change` errs, nothing is written. After
   * `unavailable` the outcome is unknown.
   */
  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable>

  /** Extends the lease to `leaseSeconds` from now, if the row is still `receiving` with this attempt. */
  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost | Unavailable>

  /**
   * Returns the rows that the reaper must handle, by ascending id, starting after `after`: `receiving` rows whose lease has
   * expired, and `abandoned` or `deleted` rows that were never discarded or were discarded `forgetAfterSeconds` ago.
   */
  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], Unavailable>

  /** Removes the row, if it is `abandoned` or `deleted` and has this attempt. Else succeeds and does nothing. */
  forget(id: MediaId, attempt: Attempt): ResultAsync<void, Unavailable>

  /** Returns rows in all states, by ascending id, starting after `after`. An empty page is the end. */
  scan(after: MediaId | undefined, limit: number): ResultAsync<readonly Media[], Unavailable>

  /** Whether the repository answers and can be written now. Never rejects. */
  isUp(): Promise<boolean>
}

/** A row in any state but `stored`. */
export type Due = Exclude<Media, Stored>

export type Change<To extends Media, E> = (media: Media, now: Date) => Result<Transition<To>, E>

export interface ListQuery {
  /** By default the rows of all owners. */
  readonly owner?: string | undefined
  readonly tag?: Tag | undefined
  /** Only rows after this place in the order. */
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
