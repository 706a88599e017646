import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, it, vi } from 'vitest'
import { readConfig } from '../../src/main/config.ts'
import { connect } from '../../src/main/connections.ts'
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
    expect(await connections.isDatabaseUp()).toBe(true)
    await connections.close()
    await database.drop()
    rmSync(folder, { recursive: true })
  })
})
