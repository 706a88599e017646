import { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import { type Db, fromPglite } from 'pg-boss'
import type { Database } from '../adapters/kysely/database.ts'
import { type MigrationSummary, migrate } from '../adapters/kysely/migrations.ts'
import { PgBossJobs } from '../adapters/pg-boss/pg-boss-jobs.ts'
import type { Config } from './config.ts'
import { makeDatabase } from './new-database.ts'
import { openProjections, type Projections } from './projections.ts'

/** The connections of this process. They are opened once, and closed when it ends. */
export interface Connections extends MigrationSummary {
  readonly db: Kysely<Database>
  readonly jobs: PgBossJobs
  readonly projections: Projections
  close(): Promise<void>
}

/** Short, so that a request gets its error response before its client times out. */
const CONNECT_TIMEOUT_MS = 2000
const STATEMENT_TIMEOUT_MS = 4000
/**
 * How long a statement waits for rows that another transaction has locked. Less than half of the statement timeout, so
 * that after a batch each row can also be tried alone.
 */
const LOCK_TIMEOUT_MS = 1500
/**
 * A connection is replaced if nothing is sent or received for this long, whether or not a statement waits. Without it,
 * only the kernel would detect that the server has disappeared, after about 15 minutes (tcp(7), tcp_retries2).
 */
const SOCKET_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 500
const RETRY_DELAY_MS = 1000

/** Reports an error that occurred in the background, where no caller receives it. */
export type OnTrouble = (error: unknown, message: string) => void

export interface ConnectOptions {
  readonly onTrouble?: OnTrouble
  /**
   * If `true`, `connect` tries again every second until the database server answers, and rejects only if the server
   * refuses the user or the database. By default it rejects after the first failure.
   */
  readonly waitsForServer?: boolean
  /** Whether this process does jobs. `false` by default. */
  readonly isWorker?: boolean
  /** The result of `makeDatabase`, if the caller has called it already. */
  readonly databaseFolder?: Promise<string> | undefined
}

/**
 * Opens the database and updates its tables. The message of an error says which variable or folder is wrong, and why.
 */
export async function connect(config: Config, connectOptions: ConnectOptions = {}): Promise<Connections> {
  const projections = await openProjections(config)
  try {
    const database = await openDatabase(config, connectOptions)
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

async function openDatabase(config: Config, connectOptions: ConnectOptions): Promise<OpenDatabase> {
  const { onTrouble = () => {}, waitsForServer = false, isWorker = false, databaseFolder } = connectOptions
  const { databaseUrl, dataDir } = config
  const openJobs = (database: string | Db) => new PgBossJobs(database, reportQueueErrors(onTrouble), isWorker)
  if (databaseUrl === undefined) return openEmbedded(await (databaseFolder ?? makeDatabase(dataDir)), openJobs)
  for (;;) {
    try {
      const migrated = await migrateServer(databaseUrl)
      return await open(await openServer(databaseUrl), openJobs(databaseUrl), migrated)
    } catch (error) {
      const advice = ADVICE_BY_SQLSTATE[sqlState(error)]
      if (!waitsForServer || advice) throw connectError("DATABASE_URL can't be used", error, advice)
      onTrouble(error, 'the database does not answer; trying again')
      await setTimeout(RETRY_DELAY_MS)
    }
  }
}

async function open(db: Kysely<Database>, jobs: PgBossJobs, migrated: MigrationSummary): Promise<OpenDatabase> {
  try {
    await jobs.start()
  } catch (error) {
    await Promise.allSettled([jobs.stop(), db.destroy()])
    throw error
  }
  return { ...migrated, db, jobs }
}

/** Uses a connection without timeouts, because migrations may take long and may wait for those of another process. */
async function migrateServer(databaseUrl: string): Promise<MigrationSummary> {
  const db = await openServer(databaseUrl, { max: 1, statement_timeout: 0, lock_timeout: 0, stream: undefined })
  try {
    return await migrate(db)
  } finally {
    await db.destroy()
  }
}

/** The page cache of PostgreSQL. With the default, 128 MB, all of it would stay resident. */
const POSTGRES_OPTIONS = ['-c', 'shared_buffers=32MB']

async function openEmbedded(folder: string, openJobs: (database: Db) => PgBossJobs): Promise<OpenDatabase> {
  const { PGlite } = await import('@electric-sql/pglite')
  const startParams = [...PGlite.defaultStartParams, ...POSTGRES_OPTIONS]
  try {
    const pglite = await PGlite.create(folder, { relaxedDurability: false, startParams })
    const db = new Kysely<Database>({ dialect: new PGliteDialect({ pglite }) })
    return await open(db, openJobs(fromPglite(pglite)), await migrate(db))
  } catch (error) {
    throw connectError(`The database in ${folder} can't be opened`, error)
  }
}

const connectError = (problem: string, cause: unknown, advice = ''): Error =>
  new Error(`${problem}: ${cause instanceof Error ? cause.message : String(cause)}${advice}`, { cause })

const WRONG_USER_ADVICE =
  '. Set the user and password of the database in DATABASE_URL, or the password in PGPASSWORD. With docker compose, set POSTGRES_PASSWORD to the value that it had at the first start.'

/** Errors that another try would get again, by SQLSTATE (PostgreSQL, appendix A), and what to do about them. */
const ADVICE_BY_SQLSTATE: Record<string, string> = {
  '28000': WRONG_USER_ADVICE,
  '28P01': WRONG_USER_ADVICE,
  '3D000': '. Create it, or set another database in DATABASE_URL.',
}

const sqlState = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const reportQueueErrors =
  (onTrouble: OnTrouble) =>
  (error: unknown): void =>
    onTrouble(error, 'the job queue reported an error')

function createSocket(): Socket {
  const socket = new Socket()
  return socket.setTimeout(SOCKET_TIMEOUT_MS, () =>
    socket.destroy(new Error(`The database sent nothing for ${SOCKET_TIMEOUT_MS} ms.`)),
  )
}

async function openServer(connectionString: string, options: object = {}): Promise<Kysely<Database>> {
  const { Pool } = await import('pg')
  const pool = new Pool({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    stream: createSocket,
    // Idle connections are closed gracefully before the socket times out.
    idleTimeoutMillis: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 10_000,
    ...options,
  })
  // The pool replaces an idle connection that broke. Without a listener this event would end the process.
  pool.on('error', () => {})
  // The same for a connection that breaks between two statements of a transaction. The next statement fails.
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}
