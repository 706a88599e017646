/** A line of the table that `npm run crash` prints. */
export interface Row {
  /** The fault, in words. */
  readonly what: string
  /** How often, of what. */
  readonly tried: string
  /** What was seen, such as `201, 0 lost`. */
  readonly outcome: string
  readonly isAsPromised: boolean
  /** It can't be tried here. */
  readonly isSkipped?: boolean
  /** For the line below the table, which adds them up. */
  readonly counts: Counts
}

export interface Counts {
  /** How often the fault happened. */
  readonly times: number
  readonly lost: number
  readonly doubled: number
  readonly orphaned: number
}

export interface Options {
  readonly isFull: boolean
  /** Shows that something goes on. */
  readonly say: (text: string) => void
}

export type Part = (options: Options) => Promise<readonly Row[]>

/** Of a part that came to no end. */
export function failed(name: string, error: unknown): Row {
  console.error(error)
  const counts = { times: 0, lost: 0, doubled: 0, orphaned: 0 }
  return {
    what: name,
    tried: 'not to its end',
    outcome: String(error).trim().replaceAll(/\s+/g, ' '),
    isAsPromised: false,
    counts,
  }
}

/** Runs one part for its own sake; the exit status is 1 where something is not as promised. */
export async function runAlone(part: Part): Promise<void> {
  const rows = await part({ isFull: process.argv.includes('--full'), say: (text) => console.error(text) })
  for (const row of rows) console.log(toLine(row))
  process.exit(rows.every(({ isAsPromised }) => isAsPromised) ? 0 : 1)
}

export const toLine = ({ what, tried, outcome, isAsPromised }: Row): string =>
  `| ${what} | ${tried} | ${isAsPromised ? '' : '**NOT AS PROMISED** '}${outcome} |`

/** The rows as Markdown, and what they come to in one line. */
export function toTable(rows: readonly Row[]): string {
  const total = (name: keyof Counts): number => rows.reduce((sum, { counts }) => sum + counts[name], 0)
  const [faults, skipped] = [rows.filter(({ counts }) => counts.times > 0), rows.filter(({ isSkipped }) => isSkipped)]
  const found = `${total('lost')} lost, ${total('doubled')} doubled, ${total('orphaned')} orphaned`
  const notHere = skipped.length > 0 ? `, ${skipped.length} not producible here` : ''
  const sum = `${faults.length} faults, ${total('times')} tried, ${found}${notHere}`
  return ['| fault | tried | outcome |', '|---|---|---|', ...rows.map(toLine), '', sum].join('\n')
}
