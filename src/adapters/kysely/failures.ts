/** Serialization failure and deadlock (PostgreSQL, appendix A): rolled back for certain, and likely to succeed now. */
const TRY_AGAIN = new Set(['40001', '40P01'])
const TRIES = 3

/** Repeats `work`, at most twice, after an error that proves that it was rolled back and may succeed now. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === TRIES || !TRY_AGAIN.has(codeOf(error))) throw error
    }
  }
}

/**
 * Data exception, integrity constraint violation, program limit exceeded, an exception raised by a trigger, and a lock
 * that was not granted in time (PostgreSQL, appendix A).
 */
const REFUSED = /^(22|23|54|P0|55P03)/

/**
 * Whether the database refused a statement because of its rows. The transaction was rolled back, and other rows may be
 * accepted. An error about the connection or the server, after which the outcome is unknown, is not a refusal.
 */
export const isRefused = (error: unknown): boolean => REFUSED.test(codeOf(error))

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')
