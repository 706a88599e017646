import type { BenchServer } from './server.ts'

/** What one measurement gives, by name of the figure. */
export type Values = Readonly<Record<string, number>>

export interface Workload {
  readonly name: string
  readonly title: string
  /** The figure that targets are compared by. */
  readonly figure: string
  readonly isLowerBetter?: boolean
  /** Names of targets; absent: all that are not special. */
  readonly targets?: readonly string[]
  /** Special ones that take part, too. */
  readonly also?: readonly string[]
  /** Runs only when it is asked for by name. */
  readonly isLong?: boolean
  /** So many processes that never wait run beside it, from before its start. */
  readonly busyCores?: number
  measure(server: BenchServer, settings: Settings): Promise<Values>
}

export interface Settings {
  readonly seconds: number
  /** Only whether all works counts, not the figures. */
  readonly isShort: boolean
}

export const KIB = 1024
export const MIB = 1024 * KIB
