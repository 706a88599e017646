import { type Dialect, sql } from 'kysely'
import { describe } from 'vitest'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { withServices } from '../services.ts'
import { newPglite, newPostgres, useDatabase } from '../support/kysely-database.ts'
import { mediaRepositoryContract } from './media-repository.contract.ts'

mediaRepositoryContract('memory', async (publish) => new MemoryMediaRepository({ add: (_, events) => publish(events) }))

describe('In this process', () => kyselyContract('Kysely on PGlite', newPglite))

withServices(['POSTGRES_URL'], 'On the server of POSTGRES_URL', () =>
  kyselyContract('Kysely on PostgreSQL', newPostgres({ max: 20 })),
)

/** Runs the contract in one database, which is emptied before each test. */
function kyselyContract(name: string, dialect: () => Promise<Dialect>): void {
  const database = useDatabase(dialect)
  mediaRepositoryContract(name, async (publish) => {
    await sql`truncate media_job`.execute(database.db)
    return new KyselyMediaRepository(database.db, { add: async (_, events) => publish(events) })
  })
}
