/** The guarantees that must hold after any faults. */
const PROMISES = {
  R0: 'requests without faults succeed',
  R1: 'no lost acknowledgement',
  R2: 'no permanent orphan',
  R3: 'no deletion of a file that may be committed',
  R4: 'at most one media item per Idempotency-Key',
  R5: 'independence of cache and metadata store',
  R6: 'no resurrection',
  R7: 'no incomplete state visible',
} as const

/** Throws unless the promise is kept. */
export function assertKept(promise: keyof typeof PROMISES, isKept: unknown, what: string): asserts isKept {
  if (!isKept) throw new Error(`${promise}, ${PROMISES[promise]}: ${what}`)
}
