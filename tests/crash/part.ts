/** A line of the table that `npm run crash` prints. */
export interface Row {
  /** The fault, in words. */
  readonly what: string
  /** How often, of what. */
  readonly tried: string
  /** What was seen, such as `201, 0 lost`. */
  readonly outcome: string
  readonly isAsPromised: boolean
}

export type Part = (options: {
  readonly isFull: boolean
  /** Shows that something goes on. */
  readonly say: (text: string) => void
}) => Promise<readonly Row[]>

/** Runs one part for its own sake; the exit status is 1 where something is not as promised. */
export async function runAlone(part: Part): Promise<void> {
  const rows = await part({ isFull: process.argv.includes('--full'), say: (text) => console.error(text) })
  for (const row of rows) console.log(toLine(row))
  process.exit(rows.every(({ isAsPromised }) => isAsPromised) ? 0 : 1)
}

export const toLine = ({ what, tried, outcome, isAsPromised }: Row): string =>
  `| ${what} | ${tried} | ${isAsPromised ? '' : '**NOT AS PROMISED** '}${outcome} |`
