import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'

const open = (): Kysely<Database> => new Kysely({ dialect: new PGliteDialect({ pglite: new PGlite() }) })

/** An application with migrations of its own, in Kysely's default tables. */
async function migrateApplication(db: Kysely<Database>, names: readonly string[]): Promise<unknown> {
  const migration: Migration = { up: async () => {} }
  const migrations = Object.fromEntries(names.map((name) => [name, migration]))
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  return error
}

/** The state that version 0.1 left: its migrations in Kysely's default tables. */
async function toVersion01(db: Kysely<Database>): Promise<void> {
  await sql`alter table mediaport_migration rename to kysely_migration`.execute(db)
  await sql`alter table mediaport_migration_lock rename to kysely_migration_lock`.execute(db)
}

it('The migrations of mediaport and those of the application do not affect each other', async () => {
  const db = open()
  expect(await migrateApplication(db, ['0001_users'])).toBeUndefined()
  expect((await migrate(db)).applied).toContain('0001_media_job')
  expect(await migrateApplication(db, ['0001_users', '0002_orders'])).toBeUndefined()
  expect((await migrate(db)).applied).toEqual([])
  await db.destroy()
})

it('The migrations of version 0.1 move to tables of their own, by themselves and once', async () => {
  const db = open()
  const { installation } = await migrate(db)
  await toVersion01(db)
  await Promise.all([migrate(db), migrate(db)])
  expect(await migrate(db)).toEqual({ applied: [], installation })
  expect(await migrateApplication(db, ['0001_users'])).toBeUndefined()
  await db.destroy()
})

it('The migrations of version 0.1 leave those of the application where they are', async () => {
  const db = open()
  await migrate(db)
  await toVersion01(db)
  await sql`insert into kysely_migration values ('0000_users', '2026-01-01T00:00:00.000Z')`.execute(db)
  expect((await migrate(db)).applied).toEqual([])
  expect(await migrateApplication(db, ['0000_users'])).toBeUndefined()
  await db.destroy()
})
