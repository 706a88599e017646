import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { sha256 } from '../samples.ts'
import type { Installation } from './installation.ts'

/** A row of `media_job`. */
export interface Row {
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

/** A file of a storage, and where its bytes lie on this machine. */
export interface FileSeen {
  readonly key: string
  readonly path: string
}

/** What is there, as other programs than ours see it. */
export interface Seen {
  readonly rows: readonly Row[]
  /** By the storage's name and the file's, such as `filesystem <key>.part`. */
  readonly files: ReadonlyMap<string, FileSeen>
  /** Of the metadata store: which attempt each is about. */
  readonly documents: ReadonlyMap<string, string>
  /** Of the title cache, as the hashes are; nothing where it is in the memory of a process. */
  readonly titles: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined
  /** Jobs that are still to be done, or that were given up. */
  readonly jobs: readonly string[]
}

/** Of a query that gives all rows, and of jobs that are still to be done or were given up. */
export const ROWS = 'select * from media_job'
export const JOBS = `select name, state, data,
    extract(epoch from now() - started_on)::int as age, extract(epoch from now() - heartbeat_on)::int as silence
  from pgboss.job
  where name = 'dead-jobs' or (name not like '\\_\\_%' and state in ('created', 'retry', 'active'))`

/** Reads all stores: by SQL, from the disk or the vendor's library, and by the drivers of the projections. */
export async function look(installation: Installation): Promise<Seen> {
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
  /** Seconds since somebody began it, and since they last gave a sign of life. */
  readonly age: number | null
  readonly silence: number | null
}

export const toJob = ({ name, state, data, age, silence }: JobRow): string =>
  `${name} is ${state}${state === 'active' ? ` for ${age} s, last heard of ${silence} s ago` : ''}: ${JSON.stringify(data)}`

/** Everything but the embedded database. Of all that may be there, rows want only the storage's files. */
export async function filesIn(dataDir: string): Promise<Map<string, FileSeen>> {
  const files = new Map<string, FileSeen>()
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const [folder = ''] = relative(dataDir, path).split(sep)
    if (!entry.isFile() || folder.startsWith('db')) continue
    files.set(`${folder === 'files' ? 'filesystem' : folder} ${entry.name}`, { key: entry.name, path })
  }
  return files
}

async function documentsOf({ mongo }: Installation): Promise<Seen['documents']> {
  const documents = await mongo.db().collection<{ _id: string; attempt: string }>('media_metadata').find().toArray()
  return new Map(documents.map(({ _id, attempt }) => [_id, attempt]))
}

async function titlesOf({ redis, redisPrefix }: Installation): Promise<NonNullable<Seen['titles']>> {
  const prefix = `${redisPrefix}title:`
  const titles = new Map<string, Record<string, string>>()
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1000)
    for (const key of keys) titles.set(key.slice(prefix.length), await redis.hgetall(key))
    if (next === '0') return titles
    cursor = next
  }
}

/** Of the files that rows name; nothing for one that is not there. */
export async function digestsOf({ rows, files }: Seen): Promise<ReadonlyMap<string, string | undefined>> {
  const digests = new Map<string, string | undefined>()
  for (const row of rows) {
    const file = files.get(fileOf(row))
    const bytes = file && (await readFile(file.path).catch(() => undefined))
    digests.set(fileOf(row), bytes && sha256(bytes))
  }
  return digests
}

export const fileOf = ({ storage, storage_key }: Row): string => `${storage} ${storage_key}`
