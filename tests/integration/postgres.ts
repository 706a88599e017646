import { randomBytes } from 'node:crypto'
import { Client, type QueryResult } from 'pg'
import { describe } from 'vitest'

const server = process.env['POSTGRES_URL']

export interface TestDatabase {
  readonly url: string
  query(statement: string): Promise<QueryResult>
  /** Also while others are connected to it. */
  drop(): Promise<void>
}

/** Checks that need the PostgreSQL server of POSTGRES_URL; skipped without one, unless REQUIRE_SERVICES=1 forbids it. */
export function withPostgres(name: string, checks: () => void): void {
  if (server === undefined && process.env['REQUIRE_SERVICES'] === '1')
    throw new Error('REQUIRE_SERVICES=1 asks for a PostgreSQL server, and POSTGRES_URL names none')
  describe.skipIf(server === undefined)(name, checks)
}

/** A database of its own on that server. */
export async function newDatabase(): Promise<TestDatabase> {
  const database = `integration_${randomBytes(8).toString('hex')}`
  await query(server, `create database ${database}`)
  const { href } = Object.assign(new URL(server ?? ''), { pathname: `/${database}` })
  return {
    url: href,
    query: (statement) => query(href, statement),
    drop: async () => void (await query(server, `drop database ${database} with (force)`)),
  }
}

async function query(url: string | undefined, statement: string): Promise<QueryResult> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(statement)
  } finally {
    await client.end()
  }
}
