import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { type Dialect, PostgresDialect } from 'kysely'
import { Client, type DatabaseError, Pool, type PoolConfig, type QueryResult } from 'pg'
import { addressOf } from '../services.ts'

/** SQLSTATE, see the PostgreSQL documentation, appendix A. */
const INSUFFICIENT_PRIVILEGE = '42501'

export type TestDatabase = Awaited<ReturnType<typeof newDatabase>>

/** Creates a database with a random name on `server`. */
export async function newDatabase(server: string = addressOf('POSTGRES_URL')) {
  const database = `integration_${randomBytes(8).toString('hex')}`
  await query(server, `create database ${database}`)
  const { href } = Object.assign(new URL(server), { pathname: `/${database}` })
  return {
    url: href,
    dialect: (options?: PoolConfig): Dialect => {
      const pool = new Pool({ connectionString: href, ...options })
      // `drop` may terminate connections of an ended pool that the server has not closed yet.
      pool.on('error', () => {})
      return new PostgresDialect({ pool })
    },
    query: (statement: string) => query(href, statement),
    /** Drops the database, also if clients are connected to it. */
    drop: () => drop(server, database),
  }
}

async function drop(server: string, database: string): Promise<void> {
  try {
    await query(server, `drop database ${database} with (force)`)
  } catch (error) {
    // Only a superuser may terminate an autovacuum worker. It ends soon.
    if ((error as DatabaseError).code !== INSUFFICIENT_PRIVILEGE) throw error
    await setTimeout(100)
    await drop(server, database)
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
