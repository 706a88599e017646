import { randomBytes } from 'node:crypto'
import { type Dialect, Kysely, PostgresDialect, sql } from 'kysely'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMetadataStore } from '../../src/adapters/kysely/kysely-metadata-store.ts'
import { MemoryMetadataStore } from '../../src/adapters/memory/memory-metadata-store.ts'
import { MongoMetadataStore } from '../../src/adapters/mongo/mongo-metadata-store.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import { addressOf, withServices } from '../services.ts'
import { newId } from '../support/ids.ts'
import { newPglite, newPostgres, useDatabase } from '../support/kysely-database.ts'
import { expectOneRefused, metadataStoreContract } from './metadata-store.contract.ts'

metadataStoreContract('memory', async () => new MemoryMetadataStore())

describe('In this process', () => {
  kyselyContract('Kysely on PGlite', newPglite)

  it('Kysely fails every `save` and every `find` while its database does not answer', async () => {
    const db = new Kysely<Database>({
      dialect: new PostgresDialect({ pool: async () => Promise.reject(new Error('down')) }),
    })
    const down = new KyselyMetadataStore(db)
    const ids = ['a', 'b', 'c'] as MediaId[]
    const saves = ids.map((id) => down.save(id, 'a' as Attempt, { status: 'none', tags: {} }))
    const finds = ids.map((id) => down.find(id, 'a' as Attempt))
    const types = (await Promise.all([...saves, ...finds])).map((result) => result._unsafeUnwrapErr().type)
    expect(types).toEqual(Array.from({ length: 6 }, () => 'unavailable'))
  })
})

withServices(['POSTGRES_URL'], 'On the server of POSTGRES_URL', () =>
  kyselyContract('Kysely on PostgreSQL', newPostgres()),
)

withServices(['MONGODB_URL'], 'On the server of MONGODB_URL', () => {
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

  it('MongoDB stores documents with the field names of the API', async () => {
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
    ['no name', '', 'mediaport'],
    ['no name, and options with a slash', '?appName=a/b', 'mediaport'],
    ['a name', '/NAME?appName=a/b', 'NAME'],
  ])('MongoDB uses the database of its URL, or `mediaport` (%s)', async (_, path, expected) => {
    const id = newId()
    const name = `contract_${randomBytes(8).toString('hex')}`
    const otherStore = new MongoMetadataStore(`mongodb://${url.host}${path.replace('NAME', name)}`)
    const collection = client.db(expected.replace('NAME', name)).collection<{ _id: string }>('media_metadata')
    try {
      ;(await otherStore.save(id, 'a' as Attempt, { status: 'none', tags: {} }))._unsafeUnwrap()
      expect(await collection.findOne({ _id: id })).toMatchObject({ attempt: 'a' })
    } finally {
      await collection.deleteOne({ _id: id })
      await otherStore.close()
      if (expected === 'NAME') await client.db(name).dropDatabase()
    }
  })

  it('MongoDB returns document-refused for a document that it cannot store', async () => {
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const result = await store.save(id, 'a' as Attempt, { status: 'ready', tags: { 'a\0b': 'x' } })
    expect(result._unsafeUnwrapErr().type).toBe('document-refused')
  })

  it.each([
    ['the driver', { 'a\0b': 'x' }],
    ['the server', { number: Number.POSITIVE_INFINITY }],
  ])('MongoDB saves the other documents if %s refuses one of them', async (_, tags) => {
    await expectOneRefused(store, tags)
  })

  it('MongoDB fails every `save` while the server does not answer', async () => {
    const down = new MongoMetadataStore('mongodb://127.0.0.1:1/')
    const saves = ['a', 'b', 'c'].map((id) => down.save(id as MediaId, 'a' as Attempt, { status: 'none', tags: {} }))
    const types = (await Promise.all(saves)).map((result) => result._unsafeUnwrapErr().type)
    expect(types).toEqual(['unavailable', 'unavailable', 'unavailable'])
    await down.close()
  })
})

/** Runs the contract in one database, which is emptied before each test. */
function kyselyContract(name: string, dialect: () => Promise<Dialect>): void {
  const database = useDatabase(dialect)

  metadataStoreContract(name, async () => {
    await sql`truncate media_metadata`.execute(database.db)
    return new KyselyMetadataStore(database.db)
  })

  it(`${name} returns document-refused for a document that it cannot store`, async () => {
    const id = '01990000-0000-7000-8000-000000000000' as MediaId
    const tags = { text: 'a\0b' }
    const result = await new KyselyMetadataStore(database.db).save(id, 'a' as Attempt, { status: 'ready', tags })
    expect(result._unsafeUnwrapErr().type).toBe('document-refused')
  })

  it(`${name} saves the other documents if it refuses one of them`, async () => {
    await expectOneRefused(new KyselyMetadataStore(database.db), { text: 'a\0b' })
  })
}
