import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import { fromPglite } from 'pg-boss'
import type { Database } from '../adapters/kysely/database.ts'
import { type Migrated, migrate } from '../adapters/kysely/migrations.ts'
import { PgBossJobs } from '../adapters/pg-boss/pg-boss-jobs.ts'
import type { Config } from './config.ts'
import { makeDatabase } from './new-database.ts'
import { openProjections, type Projections } from './projections.ts'

/** What is opened once for the process, and closed at its end. */
export interface Connections extends Migrated {
  readonly db: Kysely<Database>
  readonly jobs: PgBossJobs
  readonly projections: Projections
  close(): Promise<void>
}

/** Milliseconds. An answer that the database owes must come before the client's patience ends. */
const CONNECT_TIMEOUT = 2000
const STATEMENT_TIMEOUT = 4000
/** Of a statement that waits for rows which another transaction has locked: less than half, so that each can be tried alone, too. */
const LOCK_TIMEOUT = 1500
/**
 * A connection that says nothing for so long is given up for a new one, whether or not a statement waits: where the other
 * end is gone without a word, only the kernel would find out, after about a quarter of an hour (tcp(7), tcp_retries2).
 */
const SILENCE = STATEMENT_TIMEOUT + 500
const RETRY_EVERY = 1000

/** @param error what a connection met in the background, where nobody waits for an answer. */
export type OnTrouble = (error: unknown, message: string) => void

export interface Opening {
  readonly onTrouble?: OnTrouble
  /** Tries again every second while a database server can't be reached; a refusal, or else any failure, is thrown. */
  readonly patient?: boolean
  /** The embedded database as `makeDatabase` makes it, where the caller has called it already. */
  readonly made?: Promise<string> | undefined
}

/** Opens the database and brings its tables up to date. What it throws says which variable is wrong, and why. */
export async function connect(config: Config, opening: Opening = {}): Promise<Connections> {
  const projections = await openProjections(config)
  try {
    const database = await openDatabase(config, opening)
    const close = async () => {
      await database.jobs.stop()
      await projections.close()
      await database.db.destroy()
    }
    return { ...database, projections, close }
  } catch (error) {
    await projections.close()
    throw error
  }
}

type OpenDatabase = Omit<Connections, 'projections' | 'close'>

async function openDatabase(config: Config, opening: Opening): Promise<OpenDatabase> {
  const { onTrouble = () => {}, patient = false, made } = opening
  const { databaseUrl, dataDir } = config
  if (databaseUrl === undefined) return embedded(await (made ?? makeDatabase(dataDir)), onTrouble)
  for (;;) {
    try {
      const migrated = await migrateServer(databaseUrl)
      return await open(await server(databaseUrl), new PgBossJobs(databaseUrl, troubled(onTrouble)), migrated)
    } catch (error) {
      const advice = REFUSALS[sqlState(error)]
      if (!patient || advice) throw because("DATABASE_URL can't be used", error, advice)
      onTrouble(error, 'the database does not answer; trying again')
      await setTimeout(RETRY_EVERY)
    }
  }
}

async function open(db: Kysely<Database>, jobs: PgBossJobs, migrated: Migrated): Promise<OpenDatabase> {
  try {
    await jobs.start()
  } catch (error) {
    await Promise.allSettled([jobs.stop(), db.destroy()])
    throw error
  }
  return {
    ...migrated,
    db,
    jobs,
  }
}

/** On a connection of its own, because migrations may take long, and wait for those of another process. */
async function migrateServer(databaseUrl: string): Promise<Migrated> {
  const db = await server(databaseUrl, { max: 1, statement_timeout: 0, lock_timeout: 0, stream: undefined })
  try {
    return await migrate(db)
  } finally {
    await db.destroy()
  }
}

/** PostgreSQL's own cache of pages. Its default, 128 MB, would stay resident as a whole. */
const SHARED_BUFFERS = ['-c', 'shared_buffers=32MB']

async function embedded(folder: string, onTrouble: OnTrouble): Promise<OpenDatabase> {
  const { PGlite } = await import('@electric-sql/pglite')
  const startParams = [...PGlite.defaultStartParams, ...SHARED_BUFFERS]
  try {
    const pglite = await PGlite.create(folder, { relaxedDurability: false, startParams })
    const db = new Kysely<Database>({ dialect: new PGliteDialect({ pglite }) })
    return await open(db, new PgBossJobs(fromPglite(pglite), troubled(onTrouble)), await migrate(db))
  } catch (error) {
    throw because(`The database in ${folder} can't be opened`, error)
  }
}

const because = (what: string, cause: unknown, advice = ''): Error =>
  new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}${advice}`, { cause })

const WRONG_USER =
  '. Set the user and password of the database in DATABASE_URL, or the password in PGPASSWORD; in docker compose, POSTGRES_PASSWORD as it was at the first start.'

/** What waiting does not help against, and what does (PostgreSQL, appendix A). */
const REFUSALS: Record<string, string> = {
  '28000': WRONG_USER,
  '28P01': WRONG_USER,
  '3D000': '. Create it, or name another in DATABASE_URL.',
}

const sqlState = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const troubled =
  (onTrouble: OnTrouble) =>
  (error: unknown): void =>
    onTrouble(error, 'the job queue met an error')

function impatient(): Socket {
  const socket = new Socket()
  return socket.setTimeout(SILENCE, () => socket.destroy(new Error('the database has fallen silent')))
}

async function server(connectionString: string, options: object = {}): Promise<Kysely<Database>> {
  const { Pool } = await import('pg')
  const pool = new Pool({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    stream: impatient,
    // Sound ones that nobody needs end before that in good order.
    idleTimeoutMillis: STATEMENT_TIMEOUT,
    idle_in_transaction_session_timeout: 10_000,
    ...options,
  })
  // The pool replaces a connection that broke while idle; unheard, this event would end the process.
  pool.on('error', () => {})
  // The same for one that breaks between two statements of a transaction; the next statement tells.
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}
