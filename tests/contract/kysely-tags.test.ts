import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'

const db = new Kysely<Database>({ dialect: new PGliteDialect({ pglite: new PGlite() }) })
beforeAll(() => migrate(db))
beforeEach(() => sql`truncate media_job`.execute(db))
afterAll(() => db.destroy())

const run = (statement: string) => sql.raw(statement).execute(db)

const insert = (state: string, tags: string) =>
  run(`
    insert into media_job (id, state, owner, attempt, storage, storage_key, filename, mime_type, lease_expires_at,
        file_id, url, size_bytes, sha256, fingerprint, title, tags)
      select gen_random_uuid(), '${state}', 'me', '0', 'memory', gen_random_uuid(), 'a.png', 'image/png', now(),
        'file', '/url', 1, '0', '0', 'a', '${tags}'`)

/** Returns the rows of `media_tag`, and the rows that it must have. */
async function tags(): Promise<{ rows: unknown[]; expected: unknown[] }> {
  const { rows } = await sql`select * from media_tag order by id, tag`.execute(db)
  const expected = await sql`
    select distinct owner, tag, created_at, id from media_job, unnest(tags) as tag where state = 'stored'
      order by id, tag`.execute(db)
  return { rows, expected: expected.rows }
}

describe('The table media_tag', () => {
  beforeEach(async () => {
    await insert('stored', '{a,b,a}')
    await insert('stored', '{}')
    await insert('receiving', '{}')
    await insert('deleted', '{a,c}')
  })

  /** The number is the number of rows afterwards. */
  it.each([
    ['inserts', 'select', 2],
    ['changed tags', `update media_job set tags = '{b,c,d}'`, 6],
    ['cleared tags', `update media_job set tags = '{}'`, 0],
    ['a commit', `update media_job set state = 'stored', tags = '{x}' where state = 'receiving'`, 3],
    ['a deletion that clears the tags', `update media_job set state = 'deleted', tags = '{}' where tags @> '{a}'`, 0],
    ['a deletion that keeps them', `update media_job set state = 'deleted' where state = 'stored'`, 0],
    ['a deletion that is reverted', `update media_job set state = 'stored' where state = 'deleted'`, 4],
    ['a changed title', `update media_job set title = 'b', version = version + 1`, 2],
    ['a changed owner', `update media_job set owner = 'you'`, 2],
    ['a changed time', `update media_job set created_at = '2000-01-01'`, 2],
    ['a changed id', 'update media_job set id = gen_random_uuid()', 2],
    ['deleted rows', 'delete from media_job', 0],
    ['TRUNCATE', 'truncate media_job', 0],
  ])('is updated for %s', async (_, statement, count) => {
    await run(statement)
    const { rows, expected } = await tags()
    expect(rows).toStrictEqual(expected)
    expect(rows).toHaveLength(count)
  })

  it('does not change if the transaction is rolled back', async () => {
    const before = await tags()
    await expect(
      db.transaction().execute(async (tx) => {
        await sql`update media_job set tags = '{z}'`.execute(tx)
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    expect(await tags()).toStrictEqual(before)
  })

  it('is filled by its migration from existing rows', async () => {
    await run('drop table media_tag')
    await run('drop function media_job_tags() cascade')
    await run(`delete from mediaport_migration where name = '0004_media_tag'`)
    await insert('stored', '{e,f}')
    expect((await migrate(db)).applied).toEqual(['0004_media_tag'])
    const { rows, expected } = await tags()
    expect(rows).toStrictEqual(expected)
    expect(rows).toHaveLength(4)
  })
})
