import { sql } from 'kysely'
import { expect, it, vi } from 'vitest'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { readConfig } from '../../src/main/config.ts'
import { type Connections, connect } from '../../src/main/connections.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { withServices } from '../services.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { newDatabase } from './postgres.ts'

withServices(['POSTGRES_URL'], 'Connections to a PostgreSQL server', () => {
  it('may break within a transaction, and only that transaction fails', async () => {
    const database = await newDatabase()
    const config = readConfig({ DATABASE_URL: database.url, DATA_DIR: temporaryFolder() })._unsafeUnwrap()
    const connections = await connect(config)
    const transaction = connections.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
      const [{ pid } = { pid: 0 }] = rows
      await database.query(`select pg_terminate_backend(${pid})`)
      const isGone = async () =>
        (await database.query(`select from pg_stat_activity where pid = ${pid}`)).rowCount === 0
      await vi.waitUntil(isGone)
      await sql`select 1`.execute(tx)
    })
    await expect(transaction).rejects.toThrow()
    expect(await isUp(connections)).toBe(true)
    await connections.close()
    await database.drop()
  })

  it('may become silent, and are replaced by new ones while they stay open', async () => {
    const database = await newDatabase()
    const proxy = await FaultProxy.before(Number(new URL(database.url).port))
    const connections = await connect(
      readConfig({ DATABASE_URL: proxy.inFrontOf(database.url), DATA_DIR: temporaryFolder() })._unsafeUnwrap(),
    )
    const areUp = () => Promise.all(Array.from({ length: 5 }, () => isUp(connections)))
    expect(await areUp()).toEqual([true, true, true, true, true])
    proxy.silence()
    const startedAt = performance.now()
    expect(await areUp()).toContain(false)
    expect(performance.now() - startedAt).toBeLessThan(5000)
    await vi.waitFor(async () => expect(await areUp()).toEqual([true, true, true, true, true]), 10_000)
    proxy.close()
    await connections.close()
    await database.drop()
  })

  it('are not up while the database is read-only, as in a failover', async () => {
    const database = await newDatabase()
    const connections = await connect(
      readConfig({ DATABASE_URL: database.url, DATA_DIR: temporaryFolder() })._unsafeUnwrap(),
    )
    expect(await isUp(connections)).toBe(true)
    await sql`set default_transaction_read_only = on`.execute(connections.db)
    expect(await isUp(connections)).toBe(false)
    await connections.close()
    await database.drop()
  })
})

it('connect names the variable with an invalid address, and does not repeat its password', async () => {
  const start = (variables: object) =>
    connect(readConfig({ DATA_DIR: temporaryFolder(), ...variables })._unsafeUnwrap())
  await expect(start({ MONGODB_URL: 'mongodb://u:secret@pass@host/' })).rejects.toThrow(
    /^MONGODB_URL can't be used: (?!.*secret)/,
  )
  await expect(start({ DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' })).rejects.toThrow(
    /^DATABASE_URL can't be used: (?!.*secret)/,
  )
})

const isUp = ({ db, jobs }: Connections) => new KyselyMediaRepository(db, jobs).isUp()
