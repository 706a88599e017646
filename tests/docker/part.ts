import type { Checks } from './checks.ts'
import type { Project } from './project.ts'

export interface Walk {
  readonly project: Project
  readonly checks: Checks
  readonly isFull: boolean
  /** The commit from which the upgrade starts. */
  readonly from: string
  /** Rows that are printed at the end. */
  readonly table: string[]
}

/** A part of the walk. The previous part leaves the project in any state. */
export type Part = (walk: Walk) => Promise<void>
