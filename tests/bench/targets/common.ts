import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Pool } from 'pg'

/** What the limits and peers share: a folder, a table and a ready line, as `BenchServer` expects them. */
export const folder = join(process.env['DATA_DIR'] ?? '', 'files')
export const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })

export interface Stored {
  /** Its name in `folder`. */
  readonly file_id: string
  readonly size: number
  readonly sha256?: string
}

export async function insert({ file_id, size, sha256 }: Stored): Promise<Stored & { id: string }> {
  const { rows } = await pool.query<{ id: string }>(
    'insert into media (file_id, filename, size, sha256) values ($1, $2, $3, $4) returning id',
    [file_id, 'photo.jpg', size, sha256],
  )
  return { id: rows[0]?.id ?? '', file_id, size, ...(sha256 !== undefined && { sha256 }) }
}

/** What the limits need of a database. */
export interface Database {
  query(text: string, values?: unknown[]): Promise<{ rows: object[] }>
}

/** Makes folder and tables. */
export async function prepare(database: Database = pool): Promise<void> {
  await mkdir(folder, { recursive: true })
  await database.query(`create table if not exists media (
    id uuid primary key default gen_random_uuid(), state text not null default 'stored', file_id text not null unique,
    filename text not null, size bigint, sha256 text, created_at timestamptz not null default now())`)
  await database.query(
    'create table if not exists job (id uuid primary key default gen_random_uuid(), name text not null, data jsonb)',
  )
}

/** Listens on a free port and prints it. */
export async function serveBy(handle: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<void> {
  const server = createServer({ requestTimeout: 0 }, (req, res) => void handle(req, res))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  announce(server)
}

/** @param server listens already. */
export function announce(server: Server): void {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  console.log('ready for uploads')
}
