import type { MediaEvent } from '../../domain/media/events.ts'

/**
 * Receives the events of every transition (transactional outbox). A repository calls it in the transaction that writes the
 * row, so that a change and the jobs that follow from it are committed together or not at all.
 *
 * @typeParam Tx The repository's transaction.
 * @typeParam Added `void` where the transaction is synchronous.
 */
export interface Outbox<Tx, Added = Promise<void>> {
  /** Adds the jobs of `events` (`jobsOf`) with `tx`. If it throws, the transaction is rolled back. */
  add(tx: Tx, events: readonly MediaEvent[]): Added
}
