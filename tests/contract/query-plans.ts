import { CompiledQuery, type Kysely, sql } from 'kysely'

export interface Reads {
  /** The tables that are read by a sequential scan. */
  readonly fullScans: readonly (string | undefined)[]
  /** The highest number of rows that one node of the plan reads. */
  readonly rows: number
}

/** Runs the statements with EXPLAIN ANALYZE in a transaction that is rolled back. `setup` is a statement to run before them. */
export async function readsOf<DB>(
  db: Kysely<DB>,
  statements: readonly CompiledQuery[],
  setup?: string,
): Promise<Reads> {
  const scans: Scan[] = []
  const error = await db
    .transaction()
    .execute(async (tx) => {
      if (setup !== undefined) await sql.raw(setup).execute(tx)
      for (const { sql: text, parameters } of statements) {
        const explain = CompiledQuery.raw(`explain (analyze, format json) ${text}`, [...parameters])
        const { rows } = await tx.executeQuery(explain)
        for (const { Plan } of (rows as ExplainRow[])[0]?.['QUERY PLAN'] ?? []) scans.push(...scansOf(Plan))
      }
      throw new RolledBack()
    })
    .catch((error: unknown) => error)
  if (!(error instanceof RolledBack)) throw error
  return {
    fullScans: scans.filter((scan) => scan['Node Type'] === 'Seq Scan').map((scan) => scan['Relation Name']),
    rows: Math.max(0, ...scans.map(rowsOf)),
  }
}

class RolledBack extends Error {}

/** https://www.postgresql.org/docs/current/using-explain.html */
interface Scan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Plans?: readonly Scan[]
}

interface ExplainRow {
  readonly 'QUERY PLAN': readonly { readonly Plan: Scan }[]
}

const scansOf = (node: Scan): Scan[] => [
  ...(/Scan/.test(node['Node Type']) && (node['Relation Name'] || node['Index Name']) ? [node] : []),
  ...(node.Plans ?? []).flatMap(scansOf),
]

const rowsOf = (node: Scan): number =>
  node['Actual Loops'] *
  (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0))
