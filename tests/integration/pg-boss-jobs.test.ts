import { PGlite } from '@electric-sql/pglite'
import { type Dialect, Kysely, PGliteDialect, sql } from 'kysely'
import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import { fromPglite } from 'pg-boss'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PgBossJobs } from '../../src/adapters/pg-boss/pg-boss-jobs.ts'
import type { Job } from '../../src/application/jobs.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import { withServices } from '../services.ts'
import { newDatabase } from './postgres.ts'

/** Causes one job, `cache-title`. */
const changed = (id: string): MediaEvent => ({ type: 'media-changed', id: id as MediaId })
const file = (id: string) => ({ id: id as MediaId, storage: 's', storageKey: 'k' as StorageKey })
const down = unavailable('database')(new Error('down'))
const soon = { timeout: 20_000, interval: 50 }

interface Opened {
  readonly dialect: Dialect
  readonly open: (onTrouble: (error: unknown) => void) => PgBossJobs
  readonly close?: () => Promise<void>
}

function jobsTests(openDatabase: () => Promise<Opened>): void {
  let db: Kysely<unknown>
  let jobs: PgBossJobs
  let opened: Opened
  let stopped: boolean
  let troubles: unknown[]

  beforeEach(async () => {
    opened = await openDatabase()
    db = new Kysely({ dialect: opened.dialect })
    jobs = opened.open((error) => troubles.push(error))
    stopped = false
    troubles = []
    await jobs.start()
  })
  afterEach(async () => {
    await stop()
    expect(troubles).toEqual([])
    await db.destroy()
    await opened.close?.()
  })

  const stop = async () => {
    if (!stopped) await jobs.stop()
    stopped = true
  }
  const add = (...events: MediaEvent[]) => db.transaction().execute((tx) => jobs.add(tx, events))
  const kept = async (name = 'cache-title') => {
    const { rows } = await sql<{ id: string; state: string; retries: number; after: number }>`
      select data->>'id' as id, state, retry_count as retries,
        round(extract(epoch from start_after - created_on))::int as after
      from pgboss.job where name = ${name} order by created_on, data->>'id'`.execute(db)
    return rows
  }
  /** Jobs that wait to be tried again need not wait. */
  const hurry = () => sql`update pgboss.job set start_after = now() where state = 'retry'`.execute(db)

  it('does each job that was written, once', async () => {
    const done: Job[] = []
    await add(changed('a'), changed('b'))
    await add({ type: 'media-abandoned', ...file('c') })
    await jobs.work((each) => (done.push(each), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toHaveLength(3), soon)
    expect(done.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c'])
    expect(done.find(({ id }) => id === 'c')).toMatchObject({ storage: 's', storageKey: 'k' })
    await vi.waitFor(
      async () => expect(await kept()).toMatchObject([{ state: 'completed' }, { state: 'completed' }]),
      soon,
    )
  })

  it('knows nothing of a job whose transaction rolled back', async () => {
    const rolledBack = db.transaction().execute(async (tx) => {
      await jobs.add(tx, [changed('never')])
      throw new Error('rolled back')
    })
    await expect(rolledBack).rejects.toThrow('rolled back')
    await add(changed('a'))
    expect(await kept()).toMatchObject([{ id: 'a' }])
  })

  it('keeps a job back for as long as it says', async () => {
    await add({ type: 'attempt-replaced', ...file('a'), writableSeconds: 604_800 })
    const done: string[] = []
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toEqual(['a']), soon)
    const later = (await kept('discard-media')).find(({ after }) => after > 0)
    expect(later).toEqual({ id: 'a', state: 'created', retries: 0, after: 604_800 })
  })

  it('tries a job that throws five times and keeps it for somebody to look at, while others go on', async () => {
    let thrown = 0
    const done: string[] = []
    await add(changed('poison'), changed('a'))
    await jobs.work(({ id }) => {
      if (id !== 'poison') return done.push(id), okAsync(undefined)
      thrown++
      throw new Error('a bug')
    })
    await vi.waitFor(async () => {
      await hurry()
      expect(await kept('dead-jobs')).toMatchObject([{ id: 'poison' }])
    }, soon)
    expect(thrown).toBe(5)
    await add(changed('b'))
    await vi.waitFor(() => expect(done).toEqual(['a', 'b']), soon)
    expect(thrown).toBe(5)
  })

  it('does a job in the end whose processes died again and again, which is no fault of the job', async () => {
    await add(changed('a'))
    // As five of them have left it, long ago.
    await sql`update pgboss.job set state = 'active', retry_count = 4, started_on = now() - interval '1 hour',
      heartbeat_on = now() - interval '1 hour' where name = 'cache-title'`.execute(db)
    const done: string[] = []
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(async () => {
      await hurry()
      expect([done, await kept('dead-jobs')]).toEqual([['a'], []])
    }, soon)
  })

  it('waits for the end of an outage, which is no try', async () => {
    let asked = 0
    await add(changed('a'))
    await jobs.work(() => (asked++ === 0 ? errAsync(down) : okAsync(undefined)))
    await vi.waitFor(async () => expect(await kept()).toMatchObject([{ state: 'completed', retries: 0 }]), soon)
    expect(asked).toBe(2)
  })

  it('does as many jobs as a batch has at the same time, and completes the others when one fails', async () => {
    const all = Array.from({ length: 20 }, (_, n) => changed(String(n)))
    const together = Promise.withResolvers<void>()
    let begun = 0
    await add(...all)
    await jobs.work(({ id }) => {
      if (++begun === all.length) together.resolve()
      return ResultAsync.fromSafePromise(together.promise).map(() => {
        if (id === '7') throw new Error('a bug')
      })
    })
    await vi.waitFor(async () => {
      const states = Map.groupBy(await kept(), ({ state }) => state)
      expect([...states].map(([state, { length }]) => [state, length])).toEqual(
        expect.arrayContaining([
          ['completed', 19],
          ['retry', 1],
        ]),
      )
    }, soon)
  })

  it('sends a job again that is still waiting when it stops: nothing is lost, and no try was used', async () => {
    let asked = 0
    await add(changed('a'))
    await jobs.work(() => (asked++, errAsync(down)))
    await vi.waitFor(() => expect(asked).toBeGreaterThan(0), soon)
    await stop()
    expect(await kept()).toMatchObject([
      { id: 'a', state: 'completed', retries: 0 },
      { id: 'a', state: 'created', retries: 0 },
    ])
    expect(await kept('dead-jobs')).toEqual([])

    const done: string[] = []
    jobs = opened.open((error) => troubles.push(error))
    stopped = false
    await jobs.start()
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toEqual(['a']), soon)
  })
}

describe('Jobs on PGlite', () => {
  jobsTests(async () => {
    const pglite = await PGlite.create()
    return {
      dialect: new PGliteDialect({ pglite }),
      open: (onTrouble) => new PgBossJobs(fromPglite(pglite), onTrouble),
    }
  })
})

withServices(['POSTGRES_URL'], 'Jobs on PostgreSQL', () => {
  jobsTests(async () => {
    const database = await newDatabase()
    return {
      dialect: database.dialect(),
      open: (onTrouble) => new PgBossJobs(database.url, onTrouble),
      close: () => database.drop(),
    }
  })
})
