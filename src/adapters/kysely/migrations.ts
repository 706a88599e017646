import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { Database } from './database.ts'

/** Never changed once released; a change of the tables is a further migration. */
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
  // Tags of stored media in the order of lists. Triggers keep them in step, also with what older versions write.
  // Writers of media_job wait until the existing rows are copied: about 20 s for a million tags.
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
      // The conditions spare all rows without tags the call.
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
  /** A UUID: the prefix under which this installation keeps files where it shares a storage with others. */
  readonly id: string
}

export interface Migrated {
  /** The names of the migrations that were applied just now. */
  readonly applied: readonly string[]
  readonly installation: Installation
}

/** Brings the tables up to date. Safe to run by several processes at once: one migrates, the others wait for it. */
export async function migrate(db: Kysely<Database>): Promise<Migrated> {
  const applied = (await isUpToDate(db)) ? [] : await applyAll(db)
  const installation = await db.selectFrom('installation').select('id').executeTakeFirstOrThrow()
  return { applied, installation }
}

/** The migrator looks at every table before it does anything, which takes a third of a second on a new PGlite. */
async function isUpToDate(db: Kysely<Database>): Promise<boolean> {
  const { rows: tables } = await sql`select where to_regclass('kysely_migration') is not null`.execute(db)
  if (tables.length === 0) return false
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name).join() === Object.keys(MIGRATIONS).join()
}

/** @returns the names of those that were missing. */
async function applyAll(db: Kysely<Database>): Promise<string[]> {
  const { Migrator } = await import('kysely/migration')
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}
