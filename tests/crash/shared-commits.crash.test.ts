/** Many simultaneous uploads whose rows share commits, and faults of one commit or of one of its rows. */
import { Client } from 'pg'
import { expect } from 'vitest'
import { idOfKey } from '../../src/application/upload/id-of-key.ts'
import { parseIdempotencyKey } from '../../src/domain/values/idempotency-key.ts'
import type { Trap } from '../fault-proxy.ts'
import type { HttpResponse, UploadOptions } from './client.ts'
import { proxied, type Scene } from './proxied.ts'
import { isFull, long, testVerdict, until, useInstallation } from './suite.ts'

const UPLOADS = 16
/** The index of the upload with the fault. */
const BAD = 5
/** The maximum duration of the other uploads of a commit with a refused or locked row, in seconds. */
const PROMPT = 5
/** In each direction. A commit takes longer than the uploads need to arrive, so the next commit has many of them. */
const DELAY = 20
/** The number of rounds in which a commit of several uploads must be found. */
const ROUNDS = 5
const TIMES = isFull ? 10 : 1
/** As the driver sends it. */
const COMMIT = 'commit\0'

interface CommitFault extends Omit<Trap, 'pattern'> {
  readonly what: string
  readonly isLong?: boolean
}

const COMMITS: readonly CommitFault[] = [
  { what: 'COMMIT of many uploads not received, connection reset', reaches: false, fate: 'cut' },
  { what: 'COMMIT of many uploads received, connection reset', reaches: true, fate: 'cut' },
  { what: 'COMMIT of many uploads not received, all reset', reaches: false, fate: 'cut all' },
  { what: 'COMMIT of many uploads received, all reset', reaches: true, fate: 'cut all', isLong: true },
]

const installation = await useInstallation('filesystem')
const { database } = installation
// Runs the jobs of all servers. It reaches the database without the proxy.
await installation.start()
// The database refuses to insert one file name, to store one title, and to store two files of one name.
await database.query(`
  create function refuse() returns trigger language plpgsql as $$ begin
    if new.filename = 'refused.png' or new.title = 'refused' then raise exception 'refused'; end if;
    return new;
  end $$;
  create trigger refuse before insert or update on media_job for each row execute function refuse();
  create unique index once on media_job (filename) where filename like 'once-%'`)

const testFault = proxied(installation, 'DATABASE_URL')
const testRepeatedly = (what: string, play: (scene: Scene) => Promise<void>, isLong = false) =>
  testFault(what, isLong ? long : {}, async (scene) => {
    for (let n = 1; n <= TIMES; n++) {
      scene.proxy.delay = DELAY
      await play(scene)
    }
  })

let batches = 0

/** Each upload has its own key and name. */
function batch(): readonly UploadOptions[] {
  const number = ++batches
  return Array.from({ length: UPLOADS }, (_, n) => {
    const name = `shared-${number}-${n}`
    return { title: name, key: name, filename: `${name}.png`, size: 5000 }
  })
}

const unkeyed = ({ title, size = 0 }: UploadOptions, changes: Partial<UploadOptions>): UploadOptions => ({
  title,
  size,
  ...changes,
})

function expectStored(answers: readonly HttpResponse[]): void {
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 201 })
    expect(answer.seconds).toBeLessThanOrEqual(PROMPT)
  }
}

/** Repeats each upload with its key until it is stored. */
const untilStored = (sent: readonly UploadOptions[], send: Scene['send']) =>
  Promise.all(sent.map((each) => until(`${each.title} is stored`, async () => (await send(each)).status === 201)))

for (const { what, isLong, ...trap } of COMMITS)
  testRepeatedly(
    what,
    async ({ proxy, send, context }) => {
      for (let round = 1; round <= ROUNDS; round++) {
        proxy.delay = DELAY
        const sent = batch()
        // The first commit has the first upload. The next one has all uploads that arrived during the first commit.
        const first = proxy.trap({ pattern: COMMIT, reaches: false, fate: 'cut' })
        const responses = Promise.all(sent.map(send))
        await first
        let hasFired = false
        void proxy.trap({ ...trap, pattern: COMMIT }).then(
          () => (hasFired = true),
          () => undefined,
        )
        const answers = await responses
        await proxy.recover()
        await untilStored(sent, send)
        const unconfirmed = answers.filter(({ status }) => status !== 201)
        // One of them is that of the first commit. If the database has received the COMMIT, its uploads are answered with
        // 201 while other connections work.
        const isMany = unconfirmed.length > 2 || (trap.reaches && trap.fate === 'cut')
        if (!hasFired || !isMany) continue
        for (const { status, code } of unconfirmed)
          expect(`${status} ${code}`).toMatch(/^503 (unavailable|outcome-unknown)$/)
        return void (await context.annotate(`${answers.length - unconfirmed.length} of ${answers.length} × 201`))
      }
      throw new Error('No COMMIT of many uploads was found.')
    },
    isLong,
  )

/** One upload is refused, the others are stored. */
const testRefusal = (what: string, change: (sent: UploadOptions, n: number) => UploadOptions) =>
  testRepeatedly(`${what}, among other uploads`, async ({ send }) => {
    const answers = await Promise.all(batch().map(change).map(send))
    const refusals = answers.filter(({ status, code }) => status === 503 && code === 'unavailable')
    expect(refusals).toHaveLength(1)
    expectStored(answers.filter((answer) => !refusals.includes(answer)))
  })

testRefusal('a file name that PostgreSQL refuses to insert', (each, n) =>
  n === BAD ? unkeyed(each, { filename: 'refused.png' }) : each,
)
testRefusal('a title that PostgreSQL refuses to commit', (each, n) =>
  n === BAD ? unkeyed(each, { title: 'refused' }) : each,
)
testRefusal('a unique violation between two rows', (each, n) =>
  n === BAD || n === BAD + 1 ? unkeyed(each, { filename: `once-${each.key?.split('-').at(1)}.png` }) : each,
)

/** While the transaction is open, all uploads but one finish. The last one finishes after the end of the transaction. */
const testWaiting = (
  what: string,
  changes: Partial<UploadOptions>,
  block: (other: Client, sent: UploadOptions) => Promise<unknown>,
) =>
  testRepeatedly(what, async ({ send }) => {
    const other = new Client({ connectionString: database.url })
    await other.connect()
    await other.query('begin')
    const sent = batch().map((each) => ({ ...each, ...changes }))
    const one = sent.slice(BAD, BAD + 1)
    const answers: Promise<HttpResponse>[] = []
    try {
      if (changes.pauseMs === undefined) for (const each of one) await block(other, each)
      answers.push(...sent.map(send))
      if (changes.pauseMs !== undefined) for (const each of one) await block(other, each)
      const waiting = 'select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))'
      const [, ...neighbours] = await Promise.all([
        until('a statement waits', async () => (await other.query(waiting)).rowCount !== 0),
        ...answers.toSpliced(BAD, 1),
      ])
      expectStored(neighbours)
    } finally {
      // This also ends the transaction.
      await other.end()
    }
    expect([201, 503]).toContain((await answers[BAD])?.status)
    await untilStored(one, send)
  })

testWaiting('an id that an open transaction has inserted', { size: 5000 }, (other, { key = '' }) =>
  other.query(
    `insert into media_job (id, owner, attempt, storage, storage_key, filename, mime_type, state, lease_expires_at)
     values ($1, 'anonymous', 'of another', 'filesystem', 'of another', 'held.png', 'image/png', 'receiving', now())`,
    [idOfKey('anonymous', parseIdempotencyKey(key)._unsafeUnwrap())],
  ),
)

// The files are sent slowly, so that the row exists and is locked before its file is complete.
testWaiting('a row that an open transaction has locked', { size: 200_000, pauseMs: 300 }, (other, { filename }) =>
  until('the row is locked', async () => {
    const lock = await other.query('select from media_job where filename = $1 for update', [filename])
    return lock.rowCount === 1
  }),
)

testVerdict(installation)
