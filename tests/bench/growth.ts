import { parseArgs } from 'node:util'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { Client, Pool } from 'pg'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { noJobs } from '../support/no-jobs.ts'
import { type Filled, MEASURES, type Measure } from './growth-measures.ts'
import { fill, type Query } from './growth-rows.ts'

/** A database with so many rows. */
interface Grown extends Filled {
  readonly rows: number
  readonly db: Kysely<Database>
}

/**
 * Measures what the database work costs at several numbers of rows. Each number has a database of its own, and the calls
 * go to all of them in turn, so that other load on the machine slows them alike. Prints Markdown.
 *
 *   tests/services/postgres.sh node tests/bench/growth.ts [--rows 10000,100000,1000000] [--rounds 9] [--keep]
 *
 * `--keep` leaves the databases on the server of POSTGRES_URL; the next run starts from them. 10 million rows take 10 GB,
 * and about five minutes to fill.
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '10000,100000,1000000' },
      rounds: { type: 'string', default: '9' },
      keep: { type: 'boolean', default: false },
    },
  })
  const server = process.env['POSTGRES_URL']
  if (server === undefined) throw new Error('POSTGRES_URL names no PostgreSQL server')
  const grown: Grown[] = []
  for (const rows of values.rows.split(',')) grown.push(await grow(server, Number(rows)))
  const rounds = Number(values.rounds)
  const results = new Map<Measure, number[][]>(MEASURES.map((measure) => [measure, []]))
  // The round 0 warms the caches and does not count.
  for (let round = 0; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    for (const [measure, result] of results) {
      const times = await timesOf(measure, grown)
      if (round > 0) result.push(times)
    }
  }
  print(table(grown, results))
  for (const each of grown.slice(-1)) print(await bytes(each))
  for (const { rows, db } of grown) {
    await db.destroy()
    if (!values.keep) await query(server, `drop database growth_${rows}`)
  }
}

/** The database `growth_<rows>` on that server, created and filled if necessary. */
async function grow(server: string, rows: number): Promise<Grown> {
  const database = `growth_${rows}`
  const [found] = await query(server, `select from pg_database where datname = '${database}'`)
  if (found === undefined) await query(server, `create database ${database}`)
  const { href } = Object.assign(new URL(server), { pathname: `/${database}` })
  const pool = new Pool({ connectionString: href, max: 16 })
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  await migrate(db)
  await fill(
    (...statement) => query(href, ...statement),
    rows,
    (count) => say(`${database}: ${count} rows`),
  )
  const { id, created_at: createdAt } = await db
    .selectFrom('media_job')
    .select(['id', 'created_at'])
    .where('created_at', '=', new Date(Date.UTC(2000, 0) + (rows / 2) * 1000))
    .where('state', '=', 'stored')
    .executeTakeFirstOrThrow()
  return { rows, db, repository: new KyselyMediaRepository(db, noJobs), middle: { id: id as MediaId, createdAt } }
}

async function query(url: string, statement: string, parameters: readonly unknown[] = []): ReturnType<Query> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement, [...parameters])).rows
  } finally {
    await client.end()
  }
}

/** Milliseconds a call, for each database. The databases take turns batch by batch, each beginning as often as the others. */
async function timesOf({ batches, atOnce, run }: Measure, grown: readonly Grown[]): Promise<number[]> {
  const turns = grown.map((filled) => ({ filled, durations: [] as number[] }))
  for (let batch = 0; batch < batches; batch++) {
    const first = batch % turns.length
    for (const { filled, durations } of [...turns.slice(first), ...turns.slice(0, first)]) {
      const start = performance.now()
      await Promise.all(Array.from({ length: atOnce }, () => run(filled)))
      durations.push((performance.now() - start) / atOnce)
    }
  }
  return turns.map(({ durations }) => median(durations))
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

/** Medians over the rounds: of the milliseconds, and of the ratio to the first database in the same round. */
function table(grown: readonly Grown[], results: ReadonlyMap<Measure, number[][]>): string[][] {
  const cells = (rounds: readonly number[][]) =>
    grown.map((_, n) => {
      const times = rounds.map((round) => round[n] ?? Number.NaN)
      const ratios = rounds.map((round) => (round[n] ?? Number.NaN) / (round[0] ?? Number.NaN))
      return `${median(times).toFixed(2)} · ${median(ratios).toFixed(2)}`
    })
  const head = ['milliseconds · ratio', ...grown.map(({ rows }) => `${rows.toLocaleString('en')} rows`)]
  return [head, ...[...results].map(([{ name }, rounds]) => [name, ...cells(rounds)])]
}

/** What the tables and their indexes take. */
async function bytes({ rows, db }: Grown): Promise<string[][]> {
  const relations = await sql<{ name: string; bytes: string }>`
    select relname as name, pg_relation_size(oid) as bytes from pg_class
      where relname like 'media\_%' and relkind in ('r', 'i') order by relname`.execute(db)
  const lines = relations.rows.map(({ name, bytes }) => [
    name,
    (Number(bytes) / 1e6).toFixed(0),
    (Number(bytes) / rows).toFixed(1),
  ])
  return [[`${rows.toLocaleString('en')} rows`, 'MB', 'bytes a row'], ...lines]
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)

function print([head = [], ...rows]: readonly string[][]): void {
  for (const cells of [head, head.map(() => '---'), ...rows]) process.stdout.write(`| ${cells.join(' | ')} |\n`)
  process.stdout.write('\n')
}

if (import.meta.main) await main(process.argv.slice(2))
