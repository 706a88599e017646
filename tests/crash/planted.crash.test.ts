/** Damages the stores with their own clients and checks that the verdict finds each damage. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { upload } from './client.ts'
import { Installation } from './installation.ts'
import { readStores } from './stores.ts'
import { verdict } from './verdict.ts'

interface Damage {
  readonly what: string
  readonly counts: 'lost' | 'doubled' | 'orphaned'
  /** Damages a media item that is intact. */
  readonly plant: (installation: Installation, id: string) => Promise<unknown>
}

const sql =
  (statement: (id: string) => string): Damage['plant'] =>
  ({ database }, id) =>
    database.query(statement(id))

/** The columns that are not unique. */
const SAME =
  'attempt, state, owner, storage, filename, mime_type, file_id, url, size_bytes, sha256, fingerprint, title, tags, version'

const DAMAGE: readonly Damage[] = [
  { what: 'a row is missing', counts: 'lost', plant: sql((id) => `delete from media_job where id = '${id}'`) },
  {
    what: 'a change of a title is lost',
    counts: 'lost',
    plant: sql((id) => `update media_job set title = 'old' where id = '${id}'`),
  },
  {
    what: 'a file has other bytes',
    counts: 'lost',
    plant: async (on, id) => writeFile(await pathOf(on, id), 'x'),
  },
  {
    what: 'one upload has two rows',
    counts: 'doubled',
    plant: sql(
      (id) => `insert into media_job (id, storage_key, ${SAME})
        select gen_random_uuid(), storage_key || 'x', ${SAME} from media_job where id = '${id}'`,
    ),
  },
  {
    what: 'a row stays abandoned',
    counts: 'orphaned',
    plant: sql((id) => `update media_job set state = 'abandoned' where id = '${id}'`),
  },
  {
    what: 'a file has no row',
    counts: 'orphaned',
    plant: (on) => writeFile(join(on.variables['DATA_DIR'] ?? '', 'files', 'stray.part'), 'x'),
  },
  {
    what: 'a document is missing',
    counts: 'orphaned',
    plant: ({ mongo }, id) => documents(mongo).deleteOne({ _id: id }),
  },
  {
    what: 'a document has no row',
    counts: 'orphaned',
    plant: ({ mongo }, id) => documents(mongo).insertOne({ _id: `not ${id}`, attempt: 'x' }),
  },
  {
    what: 'a cached title is missing',
    counts: 'orphaned',
    plant: ({ redis, redisPrefix }, id) => redis.del(`${redisPrefix}title:${id}`),
  },
  {
    what: 'a cached title is old',
    counts: 'orphaned',
    plant: ({ redis, redisPrefix }, id) => redis.hset(`${redisPrefix}title:${id}`, 'title', 'old'),
  },
  {
    what: 'a cached title has no row',
    counts: 'orphaned',
    plant: ({ redis, redisPrefix }, id) => redis.hset(`${redisPrefix}title:not ${id}`, 'title', 'x'),
  },
]

const documents = (mongo: Installation['mongo']) =>
  mongo.db().collection<{ _id: string; attempt: string }>('media_metadata')

async function pathOf(installation: Installation, id: string): Promise<string> {
  const file = [...(await readStores(installation)).files.values()].find(({ key }) => key.startsWith(id))
  if (!file) throw new Error(`${id} has no file.`)
  return file.path
}

// The damage is planted in one installation, each on its own media item.
test.for(['filesystem', 'imagekit'] as const)(
  'the verdict finds each damage that is planted in the stores, %s',
  { meta: { tried: DAMAGE.length } },
  async (storage, { onTestFinished }) => {
    const installation = await Installation.open(storage)
    onTestFinished(() => installation.close())
    const server = await installation.start()
    const ids: string[] = []
    for (const { what } of DAMAGE)
      ids.push(String((await upload(server.url, installation.log, { title: what, size: 1000 })).body['id']))
    let before = await verdict(installation)
    expect(before).toEqual({ lost: [], doubled: [], orphaned: [], unexpected: [] })
    // No process may repair the damage.
    await installation.kill(server)
    for (const [n, { what, counts, plant }] of DAMAGE.entries()) {
      await plant(installation, ids[n] ?? '')
      const after = await verdict(installation, 0)
      const found = after[counts].filter((violation) => !before[counts].includes(violation))
      expect(found, what).not.toEqual([])
      before = after
    }
  },
)
