import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { sha256 } from '../samples.ts'
import type { Installation } from './installation.ts'

/** A row of `media_job`. */
export interface MediaRow {
  readonly id: string
  readonly state: string
  readonly owner: string
  readonly attempt: string
  readonly storage: string
  readonly storage_key: string
  readonly sha256: string
  readonly title: string
  readonly tags: readonly string[]
  readonly version: number
}

/** A file of a storage, and the path of its bytes on this machine. */
export interface StoredFile {
  readonly key: string
  readonly path: string
}

/** The contents of all stores, read by other programs than mediaport. */
export interface Stores {
  readonly rows: readonly MediaRow[]
  /** By the names of the storage and the file, such as `filesystem <key>.part`. */
  readonly files: ReadonlyMap<string, StoredFile>
  /** The attempt of each document of the metadata store, by the id of the media item. */
  readonly documents: ReadonlyMap<string, string>
  /** The hashes of the title cache. Undefined if the cache is in the memory of a process. */
  readonly titles: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined
  /** Waiting, running and dead jobs. */
  readonly jobs: readonly string[]
}

/** The queries of all rows, and of all waiting, running and dead jobs. */
export const ROWS = 'select * from media_job'
export const JOBS = `select name, state, data,
    extract(epoch from now() - started_on)::int as age, extract(epoch from now() - heartbeat_on)::int as silence
  from pgboss.job
  where name = 'dead-jobs' or (name not like '\\_\\_%' and state in ('created', 'retry', 'active'))`

/**
 * Reads all stores: by SQL, from the disk or the files of the ImageKit server, and with the drivers of the projections.
 */
export async function readStores(installation: Installation): Promise<Stores> {
  const { database, variables, vendor } = installation
  const [rows, jobs, files, documents, titles] = await Promise.all([
    database.query(ROWS),
    database.query(JOBS),
    filesIn(variables['DATA_DIR'] ?? ''),
    documentsOf(installation),
    titlesOf(installation),
  ])
  for (const { name, bytes } of vendor?.library.all ?? []) files.set(`imagekit ${name}`, { key: name, path: bytes })
  return { rows: rows.rows, files, documents, titles, jobs: jobs.rows.map(toJob) }
}

export interface JobRow {
  readonly name: string
  readonly state: string
  readonly data: unknown
  /** Seconds since its start, and since its last heartbeat. */
  readonly age: number | null
  readonly silence: number | null
}

export const toJob = ({ name, state, data, age, silence }: JobRow): string =>
  `${name} is ${state}${state === 'active' ? ` for ${age} s, last heartbeat ${silence} s ago` : ''}: ${JSON.stringify(data)}`

/** Lists all files except the embedded database. Rows need only the files of the storage. */
export async function filesIn(dataDir: string): Promise<Map<string, StoredFile>> {
  const files = new Map<string, StoredFile>()
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const [folder = ''] = relative(dataDir, path).split(sep)
    if (!entry.isFile() || folder.startsWith('db')) continue
    files.set(`${folder === 'files' ? 'filesystem' : folder} ${entry.name}`, { key: entry.name, path })
  }
  return files
}

async function documentsOf({ mongo }: Installation): Promise<Stores['documents']> {
  const documents = await mongo.db().collection<{ _id: string; attempt: string }>('media_metadata').find().toArray()
  return new Map(documents.map(({ _id, attempt }) => [_id, attempt]))
}

async function titlesOf({ redis, redisPrefix }: Installation): Promise<NonNullable<Stores['titles']>> {
  const prefix = `${redisPrefix}title:`
  const titles = new Map<string, Record<string, string>>()
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000)
    for (const key of keys) titles.set(key.slice(prefix.length), await redis.hgetall(key))
    if (next === '0') return titles
    cursor = next
  }
}

/** The digests of the files of all rows. Undefined if a file is missing. */
export async function digestsOf({ rows, files }: Stores): Promise<ReadonlyMap<string, string | undefined>> {
  const digests = new Map<string, string | undefined>()
  for (const row of rows) {
    const file = files.get(fileOf(row))
    const bytes = file && (await readFile(file.path).catch(() => undefined))
    digests.set(fileOf(row), bytes && sha256(bytes))
  }
  return digests
}

export const fileOf = ({ storage, storage_key }: MediaRow): string => `${storage} ${storage_key}`
