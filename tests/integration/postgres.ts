import { randomBytes } from 'node:crypto'
import { type Dialect, PostgresDialect } from 'kysely'
import { Client, Pool, type PoolConfig, type QueryResult } from 'pg'
import { addressOf } from '../services.ts'

export interface TestDatabase {
  readonly url: string
  dialect(options?: PoolConfig): Dialect
  query(statement: string): Promise<QueryResult>
  /** Also while others are connected to it. */
  drop(): Promise<void>
}

/** A database of its own on that server. */
export async function newDatabase(server: string = addressOf('POSTGRES_URL')): Promise<TestDatabase> {
  const database = `integration_${randomBytes(8).toString('hex')}`
  await query(server, `create database ${database}`)
  const { href } = Object.assign(new URL(server), { pathname: `/${database}` })
  return {
    url: href,
    dialect: (options) => {
      const pool = new Pool({ connectionString: href, ...options })
      // Of a pool that was ended, connections that the server has not seen leave yet may still be cut off by `drop`.
      pool.on('error', () => {})
      return new PostgresDialect({ pool })
    },
    query: (statement) => query(href, statement),
    drop: async () => void (await query(server, `drop database ${database} with (force)`)),
  }
}

async function query(url: string, statement: string): Promise<QueryResult> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(statement)
  } finally {
    await client.end()
  }
}
