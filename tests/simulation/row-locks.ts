import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Process } from './process.ts'
import type { VirtualClock } from './virtual-clock.ts'

interface Lock {
  readonly owner: Process
  readonly released: Promise<void>
}

/**
 * An error of the database that proves a rollback.
 * @param code An error code of PostgreSQL (appendix A).
 */
export const refusal = (code: string): Error => Object.assign(new Error('simulated refusal'), { code })

const LOCK_NOT_AVAILABLE = '55P03'
/** The `lock_timeout` of the database. */
const LOCK_TIMEOUT_MS = 2_000

/** The rows that open transactions have locked and the ids that they have inserted. A dead process holds none. */
export class RowLocks {
  readonly #clock: VirtualClock
  readonly #locks = new Map<MediaId, Lock>()

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  isFree(id: MediaId): boolean {
    const lock = this.#locks.get(id)
    return !lock?.owner.alive
  }

  /**
   * Locks the rows, which must be free.
   * @returns A function that releases them.
   */
  take(ids: readonly MediaId[], owner: Process): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const id of ids) this.#locks.set(id, { owner, released: promise })
    return () => {
      for (const id of ids) this.#locks.delete(id)
      resolve()
    }
  }

  /**
   * Runs `work` when the rows are free. No other transaction can run between them.
   * @throws The error of `lock_timeout`.
   */
  async whenFree<T>(ids: readonly MediaId[], work: () => PromiseLike<T>): Promise<T> {
    const until = this.#clock.now + LOCK_TIMEOUT_MS
    for (let held = this.#heldLock(ids); held; held = this.#heldLock(ids)) {
      if (this.#clock.now >= until) throw refusal(LOCK_NOT_AVAILABLE)
      await Promise.race([held.released, held.owner.death.promise, this.#clock.sleep(until - this.#clock.now)])
    }
    return work()
  }

  #heldLock(ids: readonly MediaId[]): Lock | undefined {
    const held = ids.find((id) => !this.isFree(id))
    return held && this.#locks.get(held)
  }
}
