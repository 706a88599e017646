import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, type LogConfig, PGliteDialect } from 'kysely'
import type { PoolConfig } from 'pg'
import { afterAll, beforeAll } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { newDatabase } from '../integration/postgres.ts'

/** Opens a migrated database before all tests of the suite. Closes it after them. */
export function useDatabase(dialect: () => Promise<Dialect>, log?: LogConfig): { readonly db: Kysely<Database> } {
  let db: Kysely<Database>
  beforeAll(async () => {
    db = new Kysely({ dialect: await dialect(), ...(log && { log }) })
    await migrate(db)
  })
  afterAll(() => db.destroy())
  return {
    get db() {
      return db
    },
  }
}

export const newPglite = async (): Promise<Dialect> => new PGliteDialect({ pglite: new PGlite() })

/**
 * Returns a function that creates a database on the server of POSTGRES_URL. The database is dropped after all tests of the
 * suite. Call this before `useDatabase`: Vitest runs `afterAll` hooks in reverse order, and `useDatabase` must close first.
 */
export function newPostgres(options?: PoolConfig): () => Promise<Dialect> {
  let drop = async (): Promise<void> => {}
  afterAll(() => drop())
  return async () => {
    const database = await newDatabase()
    drop = () => database.drop()
    return database.dialect(options)
  }
}
