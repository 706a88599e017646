/** A row of the table that `npm run crash` prints. */
export interface Row {
  /** The fault. */
  readonly what: string
  /** The number of attempts, and of what. */
  readonly tried: string
  /** The result, such as `201, 0 lost`. */
  readonly outcome: string
  readonly passed: boolean
  /** The fault cannot be produced on this machine. */
  readonly isSkipped?: boolean
  /** The numbers of the last line, which adds them up. */
  readonly counts: Counts
}

export interface Counts {
  /** How often the fault occurred. */
  readonly times: number
  readonly lost: number
  readonly doubled: number
  readonly orphaned: number
}

export interface PartOptions {
  readonly isFull: boolean
  /** Prints the progress to stderr. */
  readonly report: (text: string) => void
}

export type Part = (options: PartOptions) => Promise<readonly Row[]>

/** The row of a part that threw. */
export function failedRow(name: string, error: unknown): Row {
  console.error(error)
  const counts = { times: 0, lost: 0, doubled: 0, orphaned: 0 }
  return {
    what: name,
    tried: 'incomplete',
    outcome: String(error).trim().replaceAll(/\s+/g, ' '),
    passed: false,
    counts,
  }
}

const toLine = ({ what, tried, outcome, passed }: Row): string =>
  `| ${what} | ${tried} | ${passed ? '' : '**FAILED** '}${outcome} |`

/** Returns the rows as a Markdown table, followed by their sum in one line. */
export function toTable(rows: readonly Row[]): string {
  const total = (name: keyof Counts): number => rows.reduce((sum, { counts }) => sum + counts[name], 0)
  const [faults, skipped] = [rows.filter(({ counts }) => counts.times > 0), rows.filter(({ isSkipped }) => isSkipped)]
  const found = `${total('lost')} lost, ${total('doubled')} doubled, ${total('orphaned')} orphaned`
  const skippedText = skipped.length > 0 ? `, ${skipped.length} skipped` : ''
  const sum = `${faults.length} faults, ${total('times')} tried, ${found}${skippedText}`
  return ['| fault | tried | outcome |', '|---|---|---|', ...rows.map(toLine), '', sum].join('\n')
}
