import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, it, vi } from 'vitest'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { readConfig } from '../../src/main/config.ts'
import { type Connections, connect } from '../../src/main/connections.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { withServices } from '../services.ts'
import { newDatabase } from './postgres.ts'

withServices(['POSTGRES_URL'], 'Connections to a PostgreSQL server', () => {
  it('may break between two statements of a transaction, and only that fails', async () => {
    const database = await newDatabase()
    const folder = mkdtempSync(join(tmpdir(), 'mediaport-connections-'))
    const config = readConfig({ DATABASE_URL: database.url, DATA_DIR: folder })._unsafeUnwrap()
    const connections = await connect(config)
    const broken = connections.db.transaction().execute(async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
      const [{ pid } = { pid: 0 }] = rows
      await database.query(`select pg_terminate_backend(${pid})`)
      const isGone = async () =>
        (await database.query(`select from pg_stat_activity where pid = ${pid}`)).rowCount === 0
      await vi.waitUntil(isGone)
      await sql`select 1`.execute(tx)
    })
    await expect(broken).rejects.toThrow()
    expect(await isUp(connections)).toBe(true)
    await connections.close()
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  it('may fall silent, and new ones take their place though those never end', async () => {
    const database = await newDatabase()
    const proxy = await FaultProxy.before(Number(new URL(database.url).port))
    const { href } = Object.assign(new URL(database.url), { port: String(proxy.port) })
    const folder = mkdtempSync(join(tmpdir(), 'mediaport-connections-'))
    const connections = await connect(readConfig({ DATABASE_URL: href, DATA_DIR: folder })._unsafeUnwrap())
    const asked = () => Promise.all(Array.from({ length: 5 }, () => isUp(connections)))
    expect(await asked()).toEqual([true, true, true, true, true])
    proxy.silence()
    const began = performance.now()
    expect(await asked()).toContain(false)
    expect(performance.now() - began).toBeLessThan(5000)
    await vi.waitFor(async () => expect(await asked()).toEqual([true, true, true, true, true]), 10_000)
    proxy.close()
    await connections.close()
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  it('are no sign of health while the database can only be read, as in a failover', async () => {
    const database = await newDatabase()
    const folder = mkdtempSync(join(tmpdir(), 'mediaport-connections-'))
    const connections = await connect(readConfig({ DATABASE_URL: database.url, DATA_DIR: folder })._unsafeUnwrap())
    expect(await isUp(connections)).toBe(true)
    await sql`set default_transaction_read_only = on`.execute(connections.db)
    expect(await isUp(connections)).toBe(false)
    await connections.close()
    await database.drop()
    rmSync(folder, { recursive: true })
  })
})

it('A start says which address is wrong, and repeats no password', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-connections-'))
  const start = (variables: object) => connect(readConfig({ DATA_DIR: folder, ...variables })._unsafeUnwrap())
  await expect(start({ MONGODB_URL: 'mongodb://u:secret@pass@host/' })).rejects.toThrow(
    /^MONGODB_URL can't be used: (?!.*secret)/,
  )
  await expect(start({ DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' })).rejects.toThrow(
    /^DATABASE_URL can't be used: (?!.*secret)/,
  )
  rmSync(folder, { recursive: true })
})

const isUp = ({ db, jobs }: Connections) => new KyselyMediaRepository(db, jobs).isUp()
