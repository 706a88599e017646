/** @param q 0.5 for the median. NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return low + (high - low) * (at % 1)
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export function shuffled<T>(values: readonly T[]): T[] {
  const keyed = values.map((value) => [Math.random(), value] as const)
  return keyed.toSorted(([a], [b]) => a - b).map(([, value]) => value)
}
