import { median } from './statistics.ts'
import { TARGETS } from './targets.ts'
import type { Values, Workload } from './workload.ts'

/** What others are compared with; `best-peer` is the peer with the best median. */
export const REFERENCES = [
  'koa-multer',
  'best-peer',
  'koa-multer-durable',
  'bare-file',
  'bare-insert',
  'nginx',
  'mediaport',
] as const
export type Reference = (typeof REFERENCES)[number]

const PEERS = TARGETS.filter(({ kind, name }) => kind === 'peer' && name !== 'koa-multer-durable').map(
  ({ name }) => name,
)

/** One target in one workload. */
export interface Measured {
  /** Medians over the rounds. */
  readonly values: Values
  /** Medians of the quotients of each round, in the figure that the workload compares. */
  readonly ratios: Readonly<Partial<Record<Reference, number>>>
}

export interface WorkloadReport {
  readonly title: string
  readonly figure: string
  readonly isLowerBetter: boolean
  readonly rounds: number
  readonly targets: Readonly<Record<string, Measured>>
}

/** By name of the workload. */
export type Report = Readonly<Record<string, WorkloadReport>>

/** @param rounds what each target gave, round by round. */
export function summarize(workload: Workload, rounds: ReadonlyMap<string, readonly Values[]>): WorkloadReport {
  const { title, figure, isLowerBetter = false } = workload
  const column = (target: string, figure: string) => (rounds.get(target) ?? []).map((values) => values[figure] ?? NaN)
  const measured = TARGETS.map(({ name }) => name).filter((name) => rounds.has(name))
  const sign = isLowerBetter ? 1 : -1
  const [bestPeer = ''] = PEERS.filter((name) => rounds.has(name)).toSorted(
    (a, b) => sign * (median(column(a, figure)) - median(column(b, figure))),
  )
  const measuredOf = (target: string): Measured => ({
    values: Object.fromEntries(
      Object.keys(rounds.get(target)?.[0] ?? {}).map((name) => [name, median(column(target, name))]),
    ),
    ratios: Object.fromEntries(
      REFERENCES.map((reference) => {
        const against = column(reference === 'best-peer' ? bestPeer : reference, figure)
        return [reference, median(column(target, figure).map((value, round) => value / (against[round] ?? NaN)))]
      }).filter(([, ratio]) => !Number.isNaN(ratio)),
    ),
  })
  return {
    title,
    figure,
    isLowerBetter,
    rounds: Math.max(...[...rounds.values()].map((each) => each.length)),
    targets: Object.fromEntries(measured.map((name) => [name, measuredOf(name)])),
  }
}

const FALLEN = 0.85

/** @returns a line for each ratio of mediaport's that is more than 15 % worse than it was. */
export function fallen(before: Report, now: Report): string[] {
  return Object.entries(now).flatMap(([workload, { isLowerBetter, targets }]) =>
    Object.entries(targets).flatMap(([target, { ratios }]) =>
      Object.entries(ratios).flatMap(([reference, ratio]) => {
        const old = before[workload]?.targets[target]?.ratios[reference as Reference]
        if (!target.startsWith('mediaport') || target === reference || old === undefined) return []
        const change = isLowerBetter ? old / ratio : ratio / old
        return change < FALLEN ? [`${workload}: ${target} is ${show(ratio)} × ${reference} and was ${show(old)}`] : []
      }),
    ),
  )
}

/** Three significant digits. */
export function show(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
