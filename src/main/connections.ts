import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import type { Database } from '../adapters/kysely/database.ts'
import { type Migrated, migrate } from '../adapters/kysely/migrations.ts'
import type { Config } from './config.ts'

/** What is opened once for the process, and closed at its end. */
export interface Connections extends Migrated {
  readonly db: Kysely<Database>
  /** Whether the database answers, asked now. */
  isDatabaseUp(): Promise<boolean>
  close(): Promise<void>
}

/** Milliseconds. An answer that the database owes must come before the client's patience ends. */
const CONNECT_TIMEOUT = 2000
const STATEMENT_TIMEOUT = 4000
const RETRY_EVERY = 1000

/**
 * Opens the database and brings its tables up to date.
 * @param onDown called while a database server can't be reached, which is then tried again every second; without it the
 * first failure is thrown.
 */
export async function connect(config: Config, onDown?: (error: unknown) => void): Promise<Connections> {
  const { databaseUrl } = config
  if (databaseUrl === undefined) {
    const db = await embedded(config)
    return connections(db, await migrate(db))
  }
  for (;;) {
    try {
      return connections(await server(databaseUrl), await migrateServer(databaseUrl))
    } catch (error) {
      if (!onDown) throw error
      onDown(error)
      await setTimeout(RETRY_EVERY)
    }
  }
}

const connections = (db: Kysely<Database>, migrated: Migrated): Connections => ({
  ...migrated,
  db,
  isDatabaseUp: () =>
    db
      .selectFrom('installation')
      .select('id')
      .execute()
      .then(
        () => true,
        () => false,
      ),
  close: () => db.destroy(),
})

/** On a connection of its own, because migrations may take long, and wait for those of another process. */
async function migrateServer(databaseUrl: string): Promise<Migrated> {
  const db = await server(databaseUrl, { max: 1, statement_timeout: 0, query_timeout: 0 })
  try {
    return await migrate(db)
  } finally {
    await db.destroy()
  }
}

async function embedded({ dataDir }: Config): Promise<Kysely<Database>> {
  const { PGlite } = await import('@electric-sql/pglite')
  const folder = join(dataDir, 'db')
  const options = { relaxedDurability: false }
  if (!existsSync(folder)) {
    // Made beside its place, so that a process that dies meanwhile leaves no half of a database behind.
    const unfinished = `${folder}.new`
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished, { recursive: true, mode: 0o700 })
    await (await PGlite.create(unfinished, options)).close()
    renameSync(unfinished, folder)
  }
  return new Kysely({ dialect: new PGliteDialect({ pglite: new PGlite(folder, options) }) })
}

async function server(connectionString: string, options: object = {}): Promise<Kysely<Database>> {
  const { Pool } = await import('pg')
  const pool = new Pool({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    query_timeout: STATEMENT_TIMEOUT + 500,
    idle_in_transaction_session_timeout: 10_000,
    ...options,
  })
  // The pool replaces a connection that broke while idle; unheard, this event would end the process.
  pool.on('error', () => {})
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}
