import { randomBytes, randomUUID } from 'node:crypto'
import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, PGliteDialect, PostgresDialect, sql } from 'kysely'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMetadataStore } from '../../src/adapters/kysely/kysely-metadata-store.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { MemoryMetadataStore } from '../../src/adapters/memory/memory-metadata-store.ts'
import { MongoMetadataStore } from '../../src/adapters/mongo/mongo-metadata-store.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import { newDatabase } from '../integration/postgres.ts'
import { addressOf, withServices } from '../services.ts'
import { metadataStoreContract, savesBesideRefused } from './metadata-store.contract.ts'

metadataStoreContract('memory', async () => new MemoryMetadataStore())

describe('in this process', () => {
  kyselyContract('Kysely on PGlite', async () => new PGliteDialect({ pglite: new PGlite() }))

  it('Kysely fails each save and each find while its database is down', async () => {
    const closed = new Kysely<Database>({
      dialect: new PostgresDialect({ pool: async () => Promise.reject(new Error('down')) }),
    })
    const down = new KyselyMetadataStore(closed)
    const ids = ['a', 'b', 'c'] as MediaId[]
    const saves = ids.map((id) => down.save(id, 'a' as Attempt, { status: 'none', tags: {} }))
    const finds = ids.map((id) => down.find(id, 'a' as Attempt))
    const types = (await Promise.all([...saves, ...finds])).map((each) => each._unsafeUnwrapErr().type)
    expect(types).toEqual(Array.from({ length: 6 }, () => 'unavailable'))
  })
})

withServices(['POSTGRES_URL'], 'on the server of POSTGRES_URL', () => {
  let drop = async () => {}
  // Hooks run last to first: those who use the database have left by then.
  afterAll(() => drop())
  kyselyContract('Kysely on PostgreSQL', async () => {
    const database = await newDatabase()
    drop = () => database.drop()
    return database.dialect()
  })
})

withServices(['MONGODB_URL'], 'on the server of MONGODB_URL', () => {
  const url = Object.assign(new URL(addressOf('MONGODB_URL')), {
    pathname: `/contract_${randomBytes(8).toString('hex')}`,
  })
  const client = new MongoClient(url.href)
  let store: MongoMetadataStore

  beforeAll(() => {
    store = new MongoMetadataStore(url.href)
  })
  afterAll(async () => {
    await store.close()
    await client.db().dropDatabase()
    await client.close()
  })

  metadataStoreContract('MongoDB', async () => {
    await client.db().collection('media_metadata').deleteMany({})
    return store
  })

  it('MongoDB has the names that the API has', async () => {
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const exposure = { fNumber: 2.8, focalLength: 50 }
    await store.save(id, 'a' as Attempt, { status: 'none', durationSeconds: 1, takenAt: 'now', exposure, tags: {} })
    expect(await client.db().collection<{ _id: string }>('media_metadata').findOne({ _id: id })).toEqual({
      _id: id,
      attempt: 'a',
      status: 'none',
      duration_seconds: 1,
      taken_at: 'now',
      exposure: { f_number: 2.8, focal_length: 50 },
      tags: {},
    })
  })

  it.each([
    ['none', '', 'mediaport'],
    ['none, but options with a slash', '?appName=a/b', 'mediaport'],
    ['one', '/NAME?appName=a/b', 'NAME'],
  ])('MongoDB keeps them in the database of the address: %s', async (_, rest, expected) => {
    const id = randomUUID() as MediaId
    const name = `contract_${randomBytes(8).toString('hex')}`
    const named = new MongoMetadataStore(`mongodb://${url.host}${rest.replace('NAME', name)}`)
    const kept = client.db(expected.replace('NAME', name)).collection<{ _id: string }>('media_metadata')
    try {
      ;(await named.save(id, 'a' as Attempt, { status: 'none', tags: {} }))._unsafeUnwrap()
      expect(await kept.findOne({ _id: id })).toMatchObject({ attempt: 'a' })
    } finally {
      await kept.deleteOne({ _id: id })
      await named.close()
      if (expected === 'NAME') await client.db(name).dropDatabase()
    }
  })

  it('MongoDB says when it will never take a document', async () => {
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const saved = await store.save(id, 'a' as Attempt, { status: 'ready', tags: { 'a\0b': 'x' } })
    expect(saved._unsafeUnwrapErr().type).toBe('document-refused')
  })

  it.each([
    ['the driver', { 'a\0b': 'x' }],
    ['the server', { number: Number.POSITIVE_INFINITY }],
  ])('MongoDB takes the others when %s refuses one of several documents', async (_, tags) => {
    await savesBesideRefused(store, tags)
  })

  it('MongoDB fails each save while it is down', async () => {
    const down = new MongoMetadataStore('mongodb://127.0.0.1:1/')
    const saves = ['a', 'b', 'c'].map((id) => down.save(id as MediaId, 'a' as Attempt, { status: 'none', tags: {} }))
    const types = (await Promise.all(saves)).map((each) => each._unsafeUnwrapErr().type)
    expect(types).toEqual(['unavailable', 'unavailable', 'unavailable'])
    await down.close()
  })
})

/** One database for all checks, emptied before each. */
function kyselyContract(name: string, dialect: () => Promise<Dialect>): void {
  let db: Kysely<Database>

  beforeAll(async () => {
    db = new Kysely({ dialect: await dialect() })
    await migrate(db)
  })
  afterAll(() => db.destroy())

  metadataStoreContract(name, async () => {
    await sql`truncate media_metadata`.execute(db)
    return new KyselyMetadataStore(db)
  })

  it(`${name} says when it will never take a document`, async () => {
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const tags = { text: 'a\0b' }
    const saved = await new KyselyMetadataStore(db).save(id, 'a' as Attempt, { status: 'ready', tags })
    expect(saved._unsafeUnwrapErr().type).toBe('document-refused')
  })

  it(`${name} takes the others when it refuses one of several documents`, async () => {
    await savesBesideRefused(new KyselyMetadataStore(db), { text: 'a\0b' })
  })
}
