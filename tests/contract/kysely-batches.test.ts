import { type Dialect, Kysely, sql, type Transaction } from 'kysely'
import { err, ok, type Result } from 'neverthrow'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Receiving } from '../../src/domain/media/media.ts'
import { abandon, type FenceLost, type Transition } from '../../src/domain/media/transitions.ts'
import type { FileName } from '../../src/domain/values/file-name.ts'
import { newDatabase, type TestDatabase } from '../integration/postgres.ts'
import { withServices } from '../services.ts'
import { newPglite, useDatabase } from '../support/kysely-database.ts'
import { noJobs } from '../support/no-jobs.ts'
import { newIntent } from './media-repository.contract.ts'

describe('Rows that share a commit, on PGlite', () => {
  sharedCommits(newPglite)
})

withServices(['POSTGRES_URL'], 'Rows that share a commit, on PostgreSQL', () => {
  let database: TestDatabase
  afterAll(() => database.drop())
  const fixture = sharedCommits(async () => {
    database = await newDatabase()
    return database.dialect()
  })

  it('do not wait for a row that another transaction locks', async () => {
    const { db, repository } = fixture()
    const rows = await addRows(repository, 3)
    const outcomes = await db.transaction().execute(async (tx) => {
      await sql`select from media_job where id = ${rows[1]?.id} for update`.execute(tx)
      const updates = rows.map(({ id, attempt }) => repository.update(id, (media) => abandon(media, attempt)))
      // This transaction holds the lock until the other two updates have ended.
      await Promise.all(updates.toSpliced(1, 1))
      return updates
    })
    expect((await Promise.all(outcomes)).map((outcome) => outcome.isOk())).toEqual([true, true, true])
  })

  it('are added also if an open transaction holds the id of one of them', async () => {
    const shortTimeoutDb = new Kysely<Database>({ dialect: database.dialect({ lock_timeout: 300 }) })
    const repository = new KyselyMediaRepository(shortTimeoutDb, noJobs)
    const intents = [newIntent(), newIntent(), newIntent()]
    await shortTimeoutDb.transaction().execute(async (tx) => {
      await new KyselyMediaRepository(tx, noJobs).add(intents[1] ?? newIntent(), 60)
      const outcomes = await Promise.all(intents.map((intent) => repository.add(intent, 60)))
      expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
    })
    await shortTimeoutDb.destroy()
  })
})

/** Describes rows that share a commit. All tests use one database, which is emptied before each. */
function sharedCommits(dialect: () => Promise<Dialect>) {
  const database = useDatabase(dialect)
  let repository: KyselyMediaRepository
  let events: MediaEvent[]
  let transactions: number
  let publish: (tx: Transaction<Database>) => Promise<unknown>

  beforeEach(async () => {
    await sql`truncate media_job`.execute(database.db)
    events = []
    transactions = 0
    publish = async () => {}
    repository = new KyselyMediaRepository(database.db, {
      async add(tx, newEvents) {
        transactions++
        events.push(...newEvents)
        await publish(tx)
      },
    })
  })

  const abandonAll = (rows: readonly Receiving[]) =>
    Promise.all(rows.map(({ id, attempt }) => repository.update(id, (media) => abandon(media, attempt))))

  it('are written in fewer transactions than rows, with all their events', async () => {
    const outcomes = await abandonAll(await addRows(repository, 50))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual(outcomes.map(() => true))
    expect(events).toHaveLength(50)
    expect(transactions).toBeLessThan(10)
  })

  it('are added if one of them cannot be stored', async () => {
    const bad = newIntent({ filename: 'a\u0000b.png' as FileName })
    const outcomes = await Promise.all([newIntent(), bad, newIntent()].map((intent) => repository.add(intent, 60)))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
  })

  it('are added if the storage key of one of them exists', async () => {
    const [existing] = await addRows(repository, 1)
    const bad = { ...newIntent(), storageKey: existing?.storageKey ?? newIntent().storageKey }
    const outcomes = await Promise.all([newIntent(), bad, newIntent()].map((intent) => repository.add(intent, 60)))
    expect(outcomes.map((outcome) => outcome.isOk())).toEqual([true, false, true])
  })

  it('are updated if one cannot be stored, the change of one fails and the change of one throws', async () => {
    const rows = await addRows(repository, 5)
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

  it('are all unchanged if the events cannot be delivered', async () => {
    const rows = await addRows(repository, 3)
    publish = async () => Promise.reject(new Error('The queue does not answer.'))
    const outcomes = await abandonAll(rows)
    expect(outcomes.map((outcome) => outcome.isErr() && outcome.error.type)).toEqual(rows.map(() => 'unavailable'))
    expect(await states(rows)).toEqual(['receiving', 'receiving', 'receiving'])
  })

  it('see the previous change if they change the same row', async () => {
    const [row] = await addRows(repository, 1)
    if (!row) throw new Error('There is no row.')
    const outcomes = await abandonAll([row, row, row])
    expect(outcomes.map((outcome) => (outcome.isOk() ? 'ok' : outcome.error.type))).toEqual([
      'ok',
      'fence-lost',
      'fence-lost',
    ])
    expect(events).toHaveLength(1)
  })

  async function states(rows: readonly { readonly id: MediaId }[]): Promise<string[]> {
    const results = await Promise.all(rows.map(({ id }) => repository.get(id)))
    return results.map((media) => media._unsafeUnwrap().state)
  }

  return () => ({ db: database.db, repository })
}

async function addRows(repository: KyselyMediaRepository, count: number): Promise<Receiving[]> {
  const intents = Array.from({ length: count }, () => newIntent())
  const outcomes = await Promise.all(intents.map((intent) => repository.add(intent, 60)))
  return outcomes.map((outcome) => outcome._unsafeUnwrap())
}
