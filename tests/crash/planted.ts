/** Damages the stores with their own clients and checks that the verdict finds each damage. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pngOf } from '../samples.ts'
import { CarefulClient, type KnownMedia } from './careful-client.ts'
import { ClientLog } from './client-log.ts'
import { Installation, type StorageName } from './installation.ts'
import type { Part } from './part.ts'
import { readStores } from './stores.ts'
import { type Verdict, verdict } from './verdict.ts'

interface Planted {
  readonly what: string
  readonly counts: 'lost' | 'doubled' | 'orphaned'
  /** Damages a media item that is intact. */
  readonly plant: (installation: Installation, media: KnownMedia) => Promise<unknown>
}

const sql =
  (statement: (id: string) => string): Planted['plant'] =>
  async ({ database }, { id }) =>
    database.query(statement(id))

/** The columns that are not unique. */
const SAME =
  'attempt, state, owner, storage, filename, mime_type, file_id, url, size_bytes, sha256, fingerprint, title, tags, version'

const DAMAGE: readonly Planted[] = [
  { what: 'a row is missing', counts: 'lost', plant: sql((id) => `delete from media_job where id = '${id}'`) },
  {
    what: 'a change of a title is lost',
    counts: 'lost',
    plant: sql((id) => `update media_job set title = 'old' where id = '${id}'`),
  },
  {
    what: 'a file has other bytes',
    counts: 'lost',
    plant: async (on, media) => writeFile(await pathOf(on, media), 'x'),
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
    plant: async (on) => writeFile(join(on.variables['DATA_DIR'] ?? '', 'files', 'stray.part'), 'x'),
  },
  {
    what: 'a document is missing',
    counts: 'orphaned',
    plant: async ({ mongo }, { id }) => documents(mongo).deleteOne({ _id: id }),
  },
  {
    what: 'a document has no row',
    counts: 'orphaned',
    plant: async ({ mongo }, { id }) => documents(mongo).insertOne({ _id: `not ${id}`, attempt: 'x' }),
  },
  {
    what: 'a cached title is missing',
    counts: 'orphaned',
    plant: async ({ redis, redisPrefix }, { id }) => redis.del(`${redisPrefix}title:${id}`),
  },
  {
    what: 'a cached title is old',
    counts: 'orphaned',
    plant: async ({ redis, redisPrefix }, { id }) => redis.hset(`${redisPrefix}title:${id}`, 'title', 'old'),
  },
  {
    what: 'a cached title has no row',
    counts: 'orphaned',
    plant: async ({ redis, redisPrefix }, { id }) => redis.hset(`${redisPrefix}title:not ${id}`, 'title', 'x'),
  },
]

export const planted: Part = async ({ report }) => {
  const detected: string[] = []
  const missed: string[] = []
  for (const storage of ['filesystem', 'imagekit'] as const)
    for (const [damage, isFound] of await plantAll(storage)) {
      report(`${storage}: ${damage}: ${isFound ? 'found' : 'NOT found'}`)
      if (isFound) detected.push(damage)
      else missed.push(damage)
    }
  const times = detected.length + missed.length
  return [
    {
      what: 'damage planted in the stores, which the verdict must find',
      tried: `${times} times`,
      outcome: missed.length === 0 ? 'all found' : `not found: ${missed.join(', ')}`,
      passed: missed.length === 0,
      // The damage is intended, so it does not count.
      counts: { times, lost: 0, doubled: 0, orphaned: 0 },
    },
  ]
}

/** Plants each damage on one installation, each on its own media item. */
async function plantAll(storage: StorageName): Promise<[damage: string, isFound: boolean][]> {
  const installation = await Installation.open(storage)
  const server = await installation.start()
  const log = new ClientLog()
  const client = new CarefulClient({ log, server: () => server.url })
  const media: (KnownMedia | undefined)[] = []
  for (const [n, { what }] of DAMAGE.entries())
    media.push(await client.upload({ bytes: pngOf(1000, what), title: what, key: `upload-${n}` }))
  let before = await verdict(installation, log)
  // No process may repair the damage.
  await installation.kill(server)
  const results: [string, boolean][] = [
    ['no violation before', Object.values(before).every((violations) => violations.length === 0)],
  ]
  for (const [n, { what, counts, plant }] of DAMAGE.entries()) {
    const victim = media[n]
    if (victim) await plant(installation, victim)
    const after = await verdict(installation, log, { timeoutMs: 0 })
    results.push([what, newIn(after, before, counts).length > 0])
    before = after
  }
  await installation.close()
  return results
}

const newIn = (after: Verdict, before: Verdict, counts: Planted['counts']): readonly string[] =>
  after[counts].filter((violation) => !before[counts].includes(violation))

const documents = (mongo: Installation['mongo']) =>
  mongo.db().collection<{ _id: string; attempt: string }>('media_metadata')

async function pathOf(installation: Installation, { id }: KnownMedia): Promise<string> {
  const file = [...(await readStores(installation)).files.values()].find(({ key }) => key.startsWith(id))
  if (!file) throw new Error(`${id} has no file.`)
  return file.path
}
