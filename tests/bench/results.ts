import { median } from './statistics.ts'
import { TARGETS } from './targets.ts'
import type { Values, Workload } from './workloads.ts'

/** What others are compared with; `best-peer` is the peer with the best median. */
export const REFERENCES = ['koa-multer', 'best-peer', 'koa-multer-durable', 'bare-file', 'bare-insert'] as const

const PEERS = TARGETS.filter(({ kind, name }) => kind === 'peer' && name !== 'koa-multer-durable').map(
  ({ name }) => name,
)

/** All rounds of one workload: what each target measured, round by round. */
export class Results {
  readonly workload: Workload
  readonly #rounds: ReadonlyMap<string, readonly Values[]>

  constructor(workload: Workload, rounds: ReadonlyMap<string, readonly Values[]>) {
    this.workload = workload
    this.#rounds = rounds
  }

  get targets(): readonly string[] {
    return TARGETS.map(({ name }) => name).filter((name) => this.#rounds.has(name))
  }

  /** The median over the rounds; NaN where it was not measured. */
  value(target: string, figure = this.workload.figure): number {
    return median(this.#column(target, figure))
  }

  figures(target: string): readonly string[] {
    return Object.keys(this.#rounds.get(target)?.[0] ?? {})
  }

  /** The median of the quotients of each round. Undefined where one of both was not measured. */
  ratio(target: string, reference: string, figure = this.workload.figure): number | undefined {
    const against = this.#column(reference === 'best-peer' ? this.#bestPeer() : reference, figure)
    const quotients = this.#column(target, figure).map((value, round) => value / (against[round] ?? Number.NaN))
    const ratio = median(quotients)
    return Number.isNaN(ratio) ? undefined : ratio
  }

  #column(target: string, figure: string): number[] {
    return (this.#rounds.get(target) ?? []).map((values) => values[figure] ?? Number.NaN)
  }

  #bestPeer(): string {
    const sign = this.workload.isLowerBetter ? 1 : -1
    const measured = PEERS.filter((name) => this.#rounds.has(name))
    return measured.toSorted((a, b) => sign * (this.value(a) - this.value(b)))[0] ?? ''
  }
}
