import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    /** How often the fault occurs. Default: once. 0: the test has no fault. */
    tried?: number
    /** The violations of the guarantees. */
    found?: Counts
  }
}

export interface Counts {
  readonly lost: number
  readonly doubled: number
  readonly orphaned: number
}

interface FaultResult {
  readonly state: string
  /** The reason why the fault cannot be produced on this machine. */
  readonly note?: string | undefined
  readonly tried?: number
  readonly found?: Counts
}

/** Prints the sum of all faults and violations in one line. */
export default class FaultReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap(({ children }) => [...children.allTests()])
    console.log(sumOf(tests.map((test) => ({ ...test.result(), ...test.meta() }))))
  }
}

export function sumOf(results: readonly FaultResult[]): string {
  const faults = results.filter(({ state, tried }) => state !== 'skipped' && tried !== 0)
  const times = faults.reduce((sum, { tried = 1 }) => sum + tried, 0)
  const total = (kind: keyof Counts) => results.reduce((sum, { found }) => sum + (found?.[kind] ?? 0), 0)
  // A test without a note was not selected.
  const skipped = results.filter(({ state, note }) => state === 'skipped' && note !== undefined).length
  const found = `${total('lost')} lost, ${total('doubled')} doubled, ${total('orphaned')} orphaned`
  return `${faults.length} faults, ${times} tried, ${found}${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
