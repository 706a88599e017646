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

/** An event that adds one job, `cache-title`. */
const mediaChanged = (id: string): MediaEvent => ({ type: 'media-changed', id: id as MediaId })
const file = (id: string) => ({ id: id as MediaId, storage: 's', storageKey: 'k' as StorageKey })
const down = unavailable('database')(new Error('down'))
const WAIT = { timeout: 20_000, interval: 50 }

interface Fixture {
  readonly dialect: Dialect
  readonly open: (onError: (error: unknown) => void) => PgBossJobs
  readonly close?: () => Promise<void>
}

function describeJobs(openDatabase: () => Promise<Fixture>): void {
  let db: Kysely<unknown>
  let jobs: PgBossJobs
  let fixture: Fixture
  let isStopped: boolean
  let errors: unknown[]

  beforeEach(async () => {
    fixture = await openDatabase()
    db = new Kysely({ dialect: fixture.dialect })
    jobs = fixture.open((error) => errors.push(error))
    isStopped = false
    errors = []
    await jobs.start()
  })
  afterEach(async () => {
    await stop()
    expect(errors).toEqual([])
    await db.destroy()
    await fixture.close?.()
  })

  const stop = async () => {
    if (!isStopped) await jobs.stop()
    isStopped = true
  }
  const add = (...events: MediaEvent[]) => db.transaction().execute((tx) => jobs.add(tx, events))
  const jobsIn = async (name = 'cache-title') => {
    const { rows } = await sql<{ id: string; state: string; retries: number; after: number }>`
      select data->>'id' as id, state, retry_count as retries,
        round(extract(epoch from start_after - created_on))::int as after
      from pgboss.job where name = ${name} order by created_on, data->>'id'`.execute(db)
    return rows
  }
  /** Makes jobs that wait for a retry due now. */
  const skipDelays = () => sql`update pgboss.job set start_after = now() where state = 'retry'`.execute(db)

  it('are run once each', async () => {
    const done: Job[] = []
    await add(mediaChanged('a'), mediaChanged('b'))
    await add({ type: 'media-abandoned', ...file('c') })
    await jobs.work((each) => (done.push(each), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toHaveLength(3), WAIT)
    expect(done.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c'])
    expect(done.find(({ id }) => id === 'c')).toMatchObject({ storage: 's', storageKey: 'k' })
    await vi.waitFor(
      async () => expect(await jobsIn()).toMatchObject([{ state: 'completed' }, { state: 'completed' }]),
      WAIT,
    )
  })

  it('are not added if their transaction is rolled back', async () => {
    const rolledBack = db.transaction().execute(async (tx) => {
      await jobs.add(tx, [mediaChanged('never')])
      throw new Error('rolled back')
    })
    await expect(rolledBack).rejects.toThrow('rolled back')
    await add(mediaChanged('a'))
    expect(await jobsIn()).toMatchObject([{ id: 'a' }])
  })

  it('are not run before their delay has passed', async () => {
    await add({ type: 'attempt-replaced', ...file('a'), writableSeconds: 604_800 })
    const done: string[] = []
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toEqual(['a']), WAIT)
    const later = (await jobsIn('discard-media')).find(({ after }) => after > 0)
    expect(later).toEqual({ id: 'a', state: 'created', retries: 0, after: 604_800 })
  })

  it('that throw five times go to the queue `dead-jobs`, and others are run', async () => {
    let attempts = 0
    const done: string[] = []
    await add(mediaChanged('poison'), mediaChanged('a'))
    await jobs.work(({ id }) => {
      if (id !== 'poison') return done.push(id), okAsync(undefined)
      attempts++
      throw new Error('a bug')
    })
    await vi.waitFor(async () => {
      await skipDelays()
      expect(await jobsIn('dead-jobs')).toMatchObject([{ id: 'poison' }])
    }, WAIT)
    expect(attempts).toBe(5)
    await add(mediaChanged('b'))
    await vi.waitFor(() => expect(done).toEqual(['a', 'b']), WAIT)
    expect(attempts).toBe(5)
  })

  it('are run in the end if their process crashed several times', async () => {
    await add(mediaChanged('a'))
    // The state after five crashes, an hour ago.
    await sql`update pgboss.job set state = 'active', retry_count = 4, started_on = now() - interval '1 hour',
      heartbeat_on = now() - interval '1 hour' where name = 'cache-title'`.execute(db)
    const done: string[] = []
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(async () => {
      await skipDelays()
      expect([done, await jobsIn('dead-jobs')]).toEqual([['a'], []])
    }, WAIT)
  })

  it('wait for the end of an outage, which does not count as a retry', async () => {
    let calls = 0
    await add(mediaChanged('a'))
    await jobs.work(() => (calls++ === 0 ? errAsync(down) : okAsync(undefined)))
    await vi.waitFor(async () => expect(await jobsIn()).toMatchObject([{ state: 'completed', retries: 0 }]), WAIT)
    expect(calls).toBe(2)
  })

  it('of one batch run at the same time, and are completed if one of them fails', async () => {
    const all = Array.from({ length: 20 }, (_, n) => mediaChanged(String(n)))
    const allStarted = Promise.withResolvers<void>()
    let startedCount = 0
    await add(...all)
    await jobs.work(({ id }) => {
      if (++startedCount === all.length) allStarted.resolve()
      return ResultAsync.fromSafePromise(allStarted.promise).map(() => {
        if (id === '7') throw new Error('a bug')
      })
    })
    await vi.waitFor(async () => {
      const states = Map.groupBy(await jobsIn(), ({ state }) => state)
      expect([...states].map(([state, { length }]) => [state, length])).toEqual(
        expect.arrayContaining([
          ['completed', 19],
          ['retry', 1],
        ]),
      )
    }, WAIT)
  })

  it('that wait for an outage at shutdown are added again, without a used retry', async () => {
    let calls = 0
    await add(mediaChanged('a'))
    await jobs.work(() => (calls++, errAsync(down)))
    await vi.waitFor(() => expect(calls).toBeGreaterThan(0), WAIT)
    await stop()
    expect(await jobsIn()).toMatchObject([
      { id: 'a', state: 'completed', retries: 0 },
      { id: 'a', state: 'created', retries: 0 },
    ])
    expect(await jobsIn('dead-jobs')).toEqual([])

    const done: string[] = []
    jobs = fixture.open((error) => errors.push(error))
    isStopped = false
    await jobs.start()
    await jobs.work(({ id }) => (done.push(id), okAsync(undefined)))
    await vi.waitFor(() => expect(done).toEqual(['a']), WAIT)
  })
}

describe('Jobs on PGlite', () => {
  describeJobs(async () => {
    const pglite = await PGlite.create()
    return {
      dialect: new PGliteDialect({ pglite }),
      open: (onError) => new PgBossJobs(fromPglite(pglite), onError),
    }
  })
})

withServices(['POSTGRES_URL'], 'Jobs on PostgreSQL', () => {
  describeJobs(async () => {
    const database = await newDatabase()
    return {
      dialect: database.dialect(),
      open: (onError) => new PgBossJobs(database.url, onError),
      close: () => database.drop(),
    }
  })
})
