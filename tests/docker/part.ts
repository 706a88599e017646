import type { Checks } from './checks.ts'
import type { Project } from './project.ts'

export interface Walk {
  readonly project: Project
  readonly checks: Checks
  readonly isFull: boolean
  /** The commit that an upgrade starts from. */
  readonly from: string
  /** Rows that are printed at the end. */
  readonly table: string[]
}

/** A part of the walk. It finds the project as the part before left it. */
export type Part = (walk: Walk) => Promise<void>
