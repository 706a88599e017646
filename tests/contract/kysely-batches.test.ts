import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, PGliteDialect, sql, type Transaction } from 'kysely'
import { err, ok, type Result } from 'neverthrow'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Receiving } from '../../src/domain/media/media.ts'
import { abandon, type FenceLost, type Transition } from '../../src/domain/media/transitions.ts'
import type { FileName } from '../../src/domain/values/file-name.ts'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { withServices } from '../services.ts'
import { noJobs } from '../support/no-jobs.ts'
import { newIntent } from './media-repository.contract.ts'

describe('Rows that share a commit, on PGlite', () => {
  sharedCommits(async () => new PGliteDialect({ pglite: new PGlite() }))
})

withServices(['POSTGRES_URL'], 'Rows that share a commit, on PostgreSQL', () => {
  let database: TestDatabase
  afterAll(() => database.drop())
  const shared = sharedCommits(async () => {
    database = await newDatabase()
    return database.dialect()
  })

  it('do not wait for a row that another transaction has locked', async () => {
    const { db, repository } = shared()
    const rows = await added(repository, 3)
    const outcomes = await db.transaction().execute(async (tx) => {
      await sql`select from media_job where id = ${rows[1]?.id} for update`.execute(tx)
      const changed = rows.map(({ id, attempt }) => repository.update(id, (media) => abandon(media, attempt)))
      // This transaction ends only after the neighbours of the locked row.
      await Promise.all(changed.toSpliced(1, 1))
      return changed
    })
    expect((await Promise.all(outcomes)).map((outcome) => outcome.isOk())).toEqual([true, true, true])
  })

  it('are added although an unfinished transaction holds the id of one of them', async () => {
    const impatient = new Kysely<Database>({ dialect: database.dialect({ lock_timeout: 300 }) })
    const repository = new KyselyMediaRepository(impatient, noJobs)
    const intents = [newIntent(), newIntent(), newIntent()]
    await impatient.transaction().execute(async (tx) => {
      await new KyselyMediaRepository(tx, noJobs).add(intents[1] ?? newIntent(), 60)
      const outcomes = await Promise.all(intents.map((intent) => repository.add(intent, 60)))
      expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
    })
    await impatient.destroy()
  })
})

/** One database for all checks, emptied before each. */
function sharedCommits(dialect: () => Promise<Dialect>) {
  let db: Kysely<Database>
  let repository: KyselyMediaRepository
  let events: MediaEvent[]
  let transactions: number
  let publishing: (tx: Transaction<Database>) => Promise<unknown>

  beforeAll(async () => {
    db = new Kysely({ dialect: await dialect() })
    await migrate(db)
  })
  beforeEach(async () => {
    await sql`truncate media_job`.execute(db)
    events = []
    transactions = 0
    publishing = async () => {}
    repository = new KyselyMediaRepository(db, {
      async add(tx, added) {
        transactions++
        events.push(...added)
        await publishing(tx)
      },
    })
  })
  afterAll(() => db.destroy())

  const abandoned = (rows: readonly Receiving[]) =>
    Promise.all(rows.map(({ id, attempt }) => repository.update(id, (media) => abandon(media, attempt))))

  it('are written with fewer transactions than there are rows, each with its events', async () => {
    const outcomes = await abandoned(await added(repository, 50))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual(outcomes.map(() => true))
    expect(events).toHaveLength(50)
    expect(transactions).toBeLessThan(10)
  })

  it('are added next to one that the database can not store', async () => {
    const bad = newIntent({ filename: 'a\u0000b.png' as FileName })
    const outcomes = await Promise.all([newIntent(), bad, newIntent()].map((intent) => repository.add(intent, 60)))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
  })

  it('are added next to one whose storage key is taken', async () => {
    const [there] = await added(repository, 1)
    const bad = { ...newIntent(), storageKey: there?.storageKey ?? newIntent().storageKey }
    const outcomes = await Promise.all([newIntent(), bad, newIntent()].map((intent) => repository.add(intent, 60)))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
  })

  it('are changed next to one that the database can not store, one whose change fails and one whose change throws', async () => {
    const rows = await added(repository, 5)
    const outcomes = await Promise.all(
      rows.map(({ id, attempt }, index) =>
        repository.update(id, (media): Result<Transition, FenceLost | { readonly type: 'not-mine' }> => {
          if (index === 1) return err({ type: 'not-mine' } as const)
          if (index === 2) throw new Error('a bug')
          const filename = 'a\u0000b' as FileName
          return index === 3 ? ok({ media: { ...media, filename }, events: [] }) : abandon(media, attempt)
        }),
      ),
    )
    expect(outcomes.map((outcome) => (outcome.isOk() ? 'ok' : outcome.error.type))).toEqual([
      'ok',
      'not-mine',
      'unavailable',
      'unavailable',
      'ok',
    ])
    expect(await states(rows)).toEqual(['abandoned', 'receiving', 'receiving', 'receiving', 'abandoned'])
  })

  it('are all unchanged if the events can not be delivered', async () => {
    const rows = await added(repository, 3)
    publishing = async () => Promise.reject(new Error('the queue does not answer'))
    const outcomes = await abandoned(rows)
    expect(outcomes.map((outcome) => outcome.isErr() && outcome.error.type)).toEqual(rows.map(() => 'unavailable'))
    expect(await states(rows)).toEqual(['receiving', 'receiving', 'receiving'])
  })

  it('see the change before them when it is to the same row', async () => {
    const [row] = await added(repository, 1)
    if (!row) throw new Error('no row')
    const outcomes = await abandoned([row, row, row])
    expect(outcomes.map((outcome) => (outcome.isOk() ? 'ok' : outcome.error.type))).toEqual([
      'ok',
      'fence-lost',
      'fence-lost',
    ])
    expect(events).toHaveLength(1)
  })

  async function states(rows: readonly { readonly id: MediaId }[]): Promise<string[]> {
    const found = await Promise.all(rows.map(({ id }) => repository.get(id)))
    return found.map((media) => media._unsafeUnwrap().state)
  }

  return () => ({ db, repository })
}

async function added(repository: KyselyMediaRepository, count: number): Promise<Receiving[]> {
  const intents = Array.from({ length: count }, () => newIntent())
  const outcomes = await Promise.all(intents.map((intent) => repository.add(intent, 60)))
  return outcomes.map((outcome) => outcome._unsafeUnwrap())
}
