import { randomBytes } from 'node:crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { Database } from './database.ts'

/** A released migration must never change. Each change of the tables is a new migration. */
const MIGRATIONS: Record<string, Migration> = {
  '0001_media_job': {
    async up(db: Kysely<Database>) {
      await sql`
        create table media_job (
          id uuid primary key,
          state text not null check (state in ('receiving', 'stored', 'deleted', 'abandoned')),
          owner text not null,
          attempt text not null,
          storage text not null,
          storage_key text not null unique,
          filename text not null,
          mime_type text not null,
          created_at timestamptz(3) not null default clock_timestamp(),
          lease_expires_at timestamptz(3),
          file_id text,
          url text,
          size_bytes bigint check (size_bytes > 0),
          sha256 text,
          fingerprint text,
          title text,
          tags text[] not null default '{}',
          version integer not null default 0,
          check (state <> 'receiving' or lease_expires_at is not null),
          check (state <> 'stored' or (file_id, url, size_bytes, sha256, fingerprint, title) is not null)
        )`.execute(db)
      await sql`create index media_job_of_owner on media_job (owner, created_at desc, id desc) where state = 'stored'`.execute(
        db,
      )
      await sql`create index media_job_newest on media_job (created_at desc, id desc) where state = 'stored'`.execute(
        db,
      )
      await sql`create table installation (id uuid primary key, signing_key text not null)`.execute(db)
      await sql`create unique index installation_is_one on installation ((true))`.execute(db)
      await sql`insert into installation values (gen_random_uuid(), ${randomBytes(32).toString('hex')})`.execute(db)
    },
  },
  '0002_forgetting': {
    async up(db: Kysely<Database>) {
      await sql`alter table media_job add column discarded_at timestamptz(3)`.execute(db)
      await sql`create index media_job_leases on media_job (lease_expires_at) where state = 'receiving'`.execute(db)
      await sql`create index media_job_unwanted on media_job (discarded_at) where state in ('abandoned', 'deleted')`.execute(
        db,
      )
    },
  },
  '0003_media_metadata': {
    async up(db: Kysely<Database>) {
      await sql`create table media_metadata (id uuid primary key, attempt text not null, document jsonb not null)`.execute(
        db,
      )
    },
  },
  // The tags of stored media items, in the order of lists. Triggers maintain the table, also for rows that an older
  // version writes. Writes to media_job wait until the existing tags are copied: about 20 s for a million tags.
  '0004_media_tag': {
    async up(db: Kysely<Database>) {
      await sql`
        create table media_tag (
          owner text not null,
          tag text not null,
          created_at timestamptz(3) not null,
          id uuid not null,
          primary key (owner, tag, created_at, id)
        )`.execute(db)
      await sql`
        create function media_job_tags() returns trigger language plpgsql as $$
          begin
            if tg_op = 'TRUNCATE' then
              truncate media_tag;
              return null;
            end if;
            if tg_op <> 'INSERT' and old.state = 'stored' then
              delete from media_tag
                where owner = old.owner and tag = any (old.tags) and created_at = old.created_at and id = old.id;
            end if;
            if tg_op <> 'DELETE' and new.state = 'stored' then
              insert into media_tag select distinct new.owner, tag, new.created_at, new.id from unnest(new.tags) as tag;
            end if;
            return null;
          end $$`.execute(db)
      // The conditions avoid calling the function for rows without tags.
      await sql`
        create trigger media_job_tags_inserted after insert on media_job for each row
          when (new.tags <> '{}') execute function media_job_tags()`.execute(db)
      await sql`
        create trigger media_job_tags_updated after update on media_job for each row
          when ((old.tags <> '{}' or new.tags <> '{}') and (old.state, old.tags, old.owner, old.created_at, old.id)
            is distinct from (new.state, new.tags, new.owner, new.created_at, new.id)) execute function media_job_tags()`.execute(
        db,
      )
      await sql`
        create trigger media_job_tags_deleted after delete on media_job for each row
          when (old.tags <> '{}') execute function media_job_tags()`.execute(db)
      await sql`
        create trigger media_job_tags_truncated after truncate on media_job
          execute function media_job_tags()`.execute(db)
      await sql`
        insert into media_tag
          select distinct owner, tag, created_at, id from media_job, unnest(tags) as tag where state = 'stored'`.execute(
        db,
      )
      await sql`create index media_tag_newest on media_tag (tag, created_at, id)`.execute(db)
    },
  },
}

export interface Installation {
  /** A UUID. The files of this installation are stored below it, so that installations can share a storage. */
  readonly id: string
  /** 32 random bytes in hexadecimal. Signs tokens and links. */
  readonly signingKey: string
}

export interface MigrationSummary {
  /** The names of the migrations that this call applied. */
  readonly applied: readonly string[]
  readonly installation: Installation
}

/**
 * Creates the tables, or updates them to this version. Several processes may call it at the same time: one migrates,
 * the others wait. Rejects if a newer version has changed the tables.
 *
 * @example
 * const { applied } = await migrate(new Kysely<Database>({ dialect }))
 */
export async function migrate(db: Kysely<Database>): Promise<MigrationSummary> {
  const applied = (await isUpToDate(db)) ? [] : await applyAll(db)
  const installation = await db
    .selectFrom('installation')
    .select(['id', 'signing_key as signingKey'])
    .executeTakeFirstOrThrow()
  return { applied, installation }
}

/** Tables of the migrator. Those with Kysely's default names belong to the application that embeds mediaport. */
const MIGRATION_TABLES = {
  migrationTableName: 'mediaport_migration',
  migrationLockTableName: 'mediaport_migration_lock',
}
const MIGRATION_NAMES = Object.keys(MIGRATIONS)

/** Avoids the migrator, which first inspects every table. On a new PGlite that takes a third of a second. */
async function isUpToDate(db: Kysely<Database>): Promise<boolean> {
  if (!(await hasTable(db, 'mediaport_migration'))) return false
  const { rows } = await sql<{ name: string }>`select name from mediaport_migration order by name`.execute(db)
  return rows.map(({ name }) => name).join() === MIGRATION_NAMES.join()
}

/** @returns The names of the migrations that were missing. */
async function applyAll(db: Kysely<Database>): Promise<string[]> {
  await db.transaction().execute(moveOldMigrations)
  const { Migrator } = await import('kysely/migration')
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS }, ...MIGRATION_TABLES })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}

/** Until version 0.1 the migrations of mediaport were in Kysely's default table. Moves them to our own. */
async function moveOldMigrations(tx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('mediaport_migration'))`.execute(tx)
  if ((await hasTable(tx, 'mediaport_migration')) || !(await hasTable(tx, 'kysely_migration'))) return
  const { rows } = await sql`select from kysely_migration where name = '0001_media_job'`.execute(tx)
  if (rows.length === 0) return
  await sql`create table mediaport_migration (name varchar(255) primary key, timestamp varchar(255) not null)`.execute(
    tx,
  )
  await sql`
    with moved as (delete from kysely_migration where name = any(${MIGRATION_NAMES}) returning name, timestamp)
    insert into mediaport_migration select name, timestamp from moved`.execute(tx)
  const { rows: others } = await sql`select from kysely_migration`.execute(tx)
  if (others.length === 0) await sql`drop table kysely_migration, kysely_migration_lock`.execute(tx)
}

async function hasTable(db: Kysely<Database>, name: string): Promise<boolean> {
  const { rows } = await sql`select where to_regclass(${name}) is not null`.execute(db)
  return rows.length > 0
}
