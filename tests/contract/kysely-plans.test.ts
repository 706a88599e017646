import { randomUUID } from 'node:crypto'
import { CompiledQuery, type Dialect, type Kysely, sql } from 'kysely'
import type { ResultAsync } from 'neverthrow'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { KyselyMetadataStore } from '../../src/adapters/kysely/kysely-metadata-store.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import type { FileName } from '../../src/domain/values/file-name.ts'
import type { Tag } from '../../src/domain/values/tag.ts'
import { fill } from '../bench/growth-rows.ts'
import { withServices } from '../services.ts'
import { newPglite, newPostgres, useDatabase } from '../support/kysely-database.ts'
import { noJobs } from '../support/no-jobs.ts'
import { readsOf } from './query-plans.ts'

const ROWS = 10_000
const LIMIT = 20
const METADATA_PAGE = 1000

describe('The query plans on PGlite', () => describePlans(newPglite))

withServices(['POSTGRES_URL'], 'The query plans on PostgreSQL', () => describePlans(newPostgres()))

interface Adapters {
  readonly media: KyselyMediaRepository
  readonly metadata: KyselyMetadataStore
}

/** An owner whose rows all have the tag `common`. */
const owner = 'owner-4'
const id = randomUUID() as MediaId
const attempt = 'a' as Attempt
const intent = {
  id,
  attempt,
  owner,
  storage: 'memory',
  storageKey: storageKey(id, attempt),
  filename: 'a.png' as FileName,
  mimeType: 'image/png' as ContentType,
}
const place = { createdAt: new Date(Date.UTC(2000, 0) + 9_000_000), id }
const [common, rare] = ['common', 'once'] as Tag[]

/** A call of every method, in an order in which each call finds its row. */
const CALLS: Record<string, (adapters: Adapters) => ResultAsync<unknown, unknown>> = {
  add: ({ media }) => media.add(intent, 60),
  'add, existing': ({ media }) => media.add(intent, 60),
  renew: ({ media }) => media.renew(id, attempt, 60),
  update: ({ media }) => media.update(id, (row) => abandon(row, attempt)),
  get: ({ media }) => media.get(id),
  forget: ({ media }) => media.forget(id, attempt),
  list: ({ media }) => media.list({ limit: LIMIT }),
  'list, deep': ({ media }) => media.list({ after: place, limit: LIMIT }),
  'list by owner': ({ media }) => media.list({ owner, limit: LIMIT }),
  'list by owner, deep': ({ media }) => media.list({ owner, after: place, limit: LIMIT }),
  'list by tag': ({ media }) => media.list({ tag: common, limit: LIMIT }),
  'list by tag, deep': ({ media }) => media.list({ tag: common, after: place, limit: LIMIT }),
  'list by rare tag': ({ media }) => media.list({ tag: rare, limit: LIMIT }),
  'list by owner and tag': ({ media }) => media.list({ owner, tag: common, limit: LIMIT }),
  'list by owner and tag, deep': ({ media }) => media.list({ owner, tag: common, after: place, limit: LIMIT }),
  due: ({ media }) => media.due(3600, undefined, LIMIT),
  'due, deep': ({ media }) => media.due(3600, id, LIMIT),
  scan: ({ media }) => media.scan(undefined, LIMIT),
  'scan, deep': ({ media }) => media.scan(id, LIMIT),
  'save metadata': ({ metadata }) => metadata.save(id, attempt, { status: 'none', tags: {} }),
  'find metadata': ({ metadata }) => metadata.find(id, attempt),
  'remove metadata': ({ metadata }) => metadata.remove(id, attempt),
  'list metadata': ({ metadata }) => metadata.list(),
  'list metadata, deep': ({ metadata }) => metadata.list(id),
}
const NAMES = Object.keys(CALLS)

/** The number of rows that a call may read: the size of its page. */
const limitOf = (name: string): number => (name.startsWith('list metadata') ? METADATA_PAGE : LIMIT)

function describePlans(dialect: () => Promise<Dialect>): void {
  let db: Kysely<Database>
  let queries: CompiledQuery[] = []
  const database = useDatabase(dialect, ({ query }) => void queries.push(query))
  const statements = new Map<string, readonly CompiledQuery[]>()

  beforeAll(async () => {
    db = database.db
    await fill(async (statement, parameters = []) => {
      const { rows } = await db.executeQuery(CompiledQuery.raw(statement, [...parameters]))
      return rows as Record<string, unknown>[]
    }, ROWS)
    await sql`insert into media_metadata select id, attempt, '{}' from media_job limit 5000`.execute(db)
    await sql`vacuum analyze media_metadata`.execute(db)
    const adapters = { media: new KyselyMediaRepository(db, noJobs), metadata: new KyselyMetadataStore(db) }
    for (const [name, call] of Object.entries(CALLS)) {
      queries = []
      await call(adapters)
      statements.set(
        name,
        queries.filter((query) => /^\s*(select|insert|update|delete|with)\b/i.test(query.sql)),
      )
    }
  })

  const reads = (name: string, first?: string) => readsOf(db, statements.get(name) ?? [], first)

  it.each(NAMES)('read an index and at most one page of rows: %s', async (name) => {
    expect(statements.get(name)).not.toEqual([])
    const { fullScans, rows } = await reads(name)
    expect(fullScans).toEqual([])
    expect(rows).toBeLessThanOrEqual(limitOf(name))
  })

  /** Proves that the test above can fail and that each index is necessary. */
  it.each([
    'drop index media_job_newest',
    'drop index media_job_of_owner',
    'drop index media_job_leases',
    'drop index media_job_unwanted',
    'drop index media_tag_newest',
    'alter table media_tag drop constraint media_tag_pkey',
    'alter table media_job drop constraint media_job_pkey',
    'alter table media_metadata drop constraint media_metadata_pkey',
  ])('read more than one page of rows, or a whole table, after: %s', async (drop) => {
    const affected: string[] = []
    for (const name of NAMES) {
      // Without the primary key, ON CONFLICT fails.
      const { fullScans, rows } = await reads(name, drop).catch(() => ({ fullScans: ['failed'], rows: 0 }))
      if (fullScans.length > 0 || rows > limitOf(name)) affected.push(name)
    }
    expect(affected).not.toEqual([])
  })
}
