import { err, ResultAsync } from 'neverthrow'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import type { LeaseLost } from '../../src/application/ports/media-repository.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { noJobsInMemory } from '../support/no-jobs.ts'
import type { Process } from './process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/**
 * An error of the database that proves a rollback.
 * @param code An error code of PostgreSQL (appendix A).
 */
export const refusal = (code: string): Error => Object.assign(new Error('simulated refusal'), { code })

const LOCK_NOT_AVAILABLE = '55P03'
/** The `lock_timeout` of the database. */
const LOCK_TIMEOUT_MS = 2_000
const POLL_MS = 10

/** Rows in memory that open transactions can lock, also before they exist. A dead process holds no lock. */
export class LockedRows extends MemoryMediaRepository {
  /** The media items whose row was removed. A new one may have the same id. */
  readonly forgotten = new Set<MediaId>()
  readonly #clock: VirtualClock
  /** The owner of each locked row. */
  readonly #locks = new Map<MediaId, Process | undefined>()

  constructor(clock: VirtualClock) {
    super(noJobsInMemory)
    this.#clock = clock
  }

  override renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost> {
    return new ResultAsync(this.whenFree([id], () => super.renew(id, attempt, leaseSeconds)))
  }

  override forget(id: MediaId, attempt: Attempt): ResultAsync<void, never> {
    return new ResultAsync(
      this.whenFree([id], () => {
        this.forgotten.add(id)
        return super.forget(id, attempt)
      }),
    )
  }

  /** Reads the row synchronously. */
  read(id: MediaId): Media | undefined {
    let row: Media | undefined
    void this.update(id, (found) => {
      row = found
      return err('only read')
    })
    return row
  }

  isFree(id: MediaId): boolean {
    return !this.#locks.get(id)?.alive
  }

  /** Locks the rows, which must be free. Without an owner, releases them. */
  lock(ids: readonly MediaId[], owner?: Process): void {
    for (const id of ids) this.#locks.set(id, owner)
  }

  /**
   * Runs `work` when the rows are free. No other transaction can run between them.
   * @throws The error of `lock_timeout`.
   */
  async whenFree<T>(ids: readonly MediaId[], work: () => PromiseLike<T>): Promise<T> {
    const until = this.#clock.now + LOCK_TIMEOUT_MS
    while (!ids.every((id) => this.isFree(id))) {
      if (this.#clock.now >= until) throw refusal(LOCK_NOT_AVAILABLE)
      await this.#clock.sleep(POLL_MS)
    }
    return work()
  }
}
