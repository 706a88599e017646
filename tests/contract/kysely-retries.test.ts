import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'
import type { Intent } from '../../src/domain/media/media.ts'
import { abandon } from '../../src/domain/media/transitions.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import type { FileName } from '../../src/domain/values/file-name.ts'
import { noJobs } from '../support/no-jobs.ts'

const id = '00000000-0000-7000-8000-000000000000' as MediaId
const attempt = 'aaaaaaaaaaaaaaaa' as Attempt
const intent: Intent = {
  id,
  owner: 'me',
  attempt,
  storage: 'memory',
  storageKey: storageKey(id, attempt),
  filename: 'a.png' as FileName,
  mimeType: 'image/png' as ContentType,
}

describe('KyselyMediaRepository', () => {
  const db = new Kysely<Database>({ dialect: new PGliteDialect({ pglite: new PGlite() }) })
  const repository = new KyselyMediaRepository(db, noJobs)
  beforeAll(async () => {
    await migrate(db)
    await sql`create sequence raised`.execute(db)
  })
  beforeEach(() => sql`truncate media_job`.execute(db))
  afterAll(() => db.destroy())

  /** Makes the next `times` writes fail with the SQLSTATE `code`. A sequence counts, because a rollback does not reset it. */
  const failWrites = async (times: number, code: string): Promise<void> => {
    await sql`alter sequence raised restart`.execute(db)
    await sql`
      create or replace function raise_error() returns trigger language plpgsql as $$
        begin
          if nextval('raised') <= ${sql.lit(times)} then raise exception 'x' using errcode = ${sql.lit(code)}; end if;
          return new;
        end $$`.execute(db)
    await sql`
      create or replace trigger raises before insert or update on media_job
        for each row execute function raise_error()`.execute(db)
  }

  /** PostgreSQL documentation, appendix A: the transaction was rolled back and can be retried. */
  describe.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
  ])('after %s', (_, code) => {
    it.each([
      ['a row', async () => repository.add(intent, 60), 0],
      ['a lease', async () => repository.renew(id, attempt, 60), 1],
      ['a change', async () => repository.update(id, (media) => abandon(media, attempt)), 1],
    ])('tries to write %s three times', async (_name, write, rows) => {
      for (const [times, isOk] of [
        [3, false],
        [2, true],
      ] as const) {
        await failWrites(0, code)
        if (rows > 0) await repository.add(intent, 60)
        await failWrites(times, code)
        expect((await write()).isOk()).toBe(isOk)
      }
    })
  })
})
