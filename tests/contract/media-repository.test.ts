import { randomBytes } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { mediaRepositoryContract } from './media-repository.contract.ts'

mediaRepositoryContract('memory', async (publish) => ({ repository: new MemoryMediaRepository(publish) }), {
  concurrent: true,
})

describe('in this process', () => {
  kyselyContract('Kysely on PGlite', () => new PGliteDialect({ pglite: new PGlite() }))
})

const server = process.env['POSTGRES_URL']
if (server === undefined && process.env['REQUIRE_SERVICES'] === '1')
  throw new Error('REQUIRE_SERVICES=1 asks for a PostgreSQL server, and POSTGRES_URL names none')

describe.skipIf(server === undefined)(
  server === undefined ? 'skipped, for POSTGRES_URL names no PostgreSQL server' : 'on the server of POSTGRES_URL',
  () => {
    const database = `contract_${randomBytes(8).toString('hex')}`
    beforeAll(() => administrate(`create database ${database}`))
    afterAll(() => administrate(`drop database ${database}`))
    kyselyContract('Kysely on PostgreSQL', () => {
      const { href } = Object.assign(new URL(server ?? ''), { pathname: `/${database}` })
      return new PostgresDialect({ pool: new Pool({ connectionString: href, max: 20 }) })
    })
  },
)

async function administrate(statement: string): Promise<void> {
  const client = new Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** One database for all checks, emptied before each. */
function kyselyContract(name: string, dialect: () => Dialect): void {
  let db: Kysely<Database>

  beforeAll(async () => {
    db = new Kysely({ dialect: dialect() })
    await migrate(db)
  })
  afterAll(() => db.destroy())

  const openEmpty: Parameters<typeof mediaRepositoryContract>[1] = async (publish) => {
    await sql`truncate media_job`.execute(db)
    return { repository: new KyselyMediaRepository(db, async (_, events) => publish(events)) }
  }
  mediaRepositoryContract(name, openEmpty, { concurrent: true })
}
