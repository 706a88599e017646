/** Serialization failure and deadlock (PostgreSQL, appendix A). The transaction was rolled back and may succeed now. */
const RETRYABLE_CODES = new Set(['40001', '40P01'])
const MAX_TRIES = 3

/** Runs `work`. Repeats it at most twice, after errors that prove that it was rolled back and may succeed now. */
export async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === MAX_TRIES || !RETRYABLE_CODES.has(codeOf(error))) throw error
    }
  }
}

/**
 * Data exception, integrity constraint violation, program limit exceeded, exception raised by a trigger, and lock not
 * available in time (PostgreSQL, appendix A).
 */
const REFUSAL_CODES = /^(22|23|54|P0|55P03)/

/**
 * Whether the database refused a statement because of its rows. The transaction was rolled back, and other rows may be
 * accepted. An error about the connection or the server, after which the outcome is unknown, is not a refusal.
 */
export const isRefused = (error: unknown): boolean => REFUSAL_CODES.test(codeOf(error))

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')
