import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, PGliteDialect, sql } from 'kysely'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { newDatabase } from '../integration/postgres.ts'
import { withServices } from '../services.ts'
import { mediaRepositoryContract } from './media-repository.contract.ts'

mediaRepositoryContract(
  'memory',
  async (publish) => ({
    repository: new MemoryMediaRepository({ add: (_, events) => publish(events) }),
  }),
  {
    concurrent: true,
  },
)

describe('in this process', () => {
  kyselyContract('Kysely on PGlite', async () => new PGliteDialect({ pglite: new PGlite() }))
})

withServices(['POSTGRES_URL'], 'on the server of POSTGRES_URL', () => {
  let drop = async () => {}
  // Hooks run last to first: those who use the database have left by then.
  afterAll(() => drop())
  kyselyContract('Kysely on PostgreSQL', async () => {
    const database = await newDatabase()
    drop = () => database.drop()
    return database.dialect({ max: 20 })
  })
})

/** One database for all checks, emptied before each. */
function kyselyContract(name: string, dialect: () => Promise<Dialect>): void {
  let db: Kysely<Database>

  beforeAll(async () => {
    db = new Kysely({ dialect: await dialect() })
    await migrate(db)
  })
  afterAll(() => db.destroy())

  const openEmpty: Parameters<typeof mediaRepositoryContract>[1] = async (publish) => {
    await sql`truncate media_job`.execute(db)
    return { repository: new KyselyMediaRepository(db, { add: async (_, events) => publish(events) }) }
  }
  mediaRepositoryContract(name, openEmpty, { concurrent: true })
}
