/** Many simultaneous uploads whose rows share commits, and faults of one commit or of one of its rows. */
import { Client } from 'pg'
import type { Trap } from '../fault-proxy.ts'
import { ClientLog } from './client-log.ts'
import { type Check, type Fault, playFaults, secondsUntil } from './faults.ts'
import { blocks, insertRow, lockRow } from './held-rows.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { proxied, type Scene } from './proxied.ts'
import { type TimedResponse, type UploadOptions, upload } from './timed-requests.ts'

const UPLOADS = 16
/** The index of the upload with the fault. */
const BAD = 5
/** The maximum duration of the other uploads of a commit with a refused or locked row, in seconds. */
const PROMPT = 5
/** In each direction. A commit takes longer than the uploads need to arrive, so the next commit has many of them. */
const DELAY = 20
/** The number of rounds in which a commit of several uploads must be found. */
const ROUNDS = 5
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

/** The database refuses to insert one file name, to store one title, and to store two files of one name. */
const REFUSALS = `
  create function refuse() returns trigger language plpgsql as $$ begin
    if new.filename = 'refused.png' or new.title = 'refused' then raise exception 'refused'; end if;
    return new;
  end $$;
  create trigger refuse before insert or update on media_job for each row execute function refuse();
  create unique index once on media_job (filename) where filename like 'once-%'`

type Send = (sent: UploadOptions) => Promise<TimedResponse>

export const sharedCommits: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // Runs the jobs of all servers. It reaches the database without the proxy.
  await installation.start()
  const { database } = installation
  await database.query(REFUSALS)
  const fault = proxied({ installation, log, variable: 'DATABASE_URL', extra: { WORKER: 'off' } })
  const times = options.isFull ? 10 : 1
  const tried = `${UPLOADS} uploads${options.isFull ? `, ${times} times` : ''}`
  const repeated = (what: string, play: (send: Send, scene: Scene) => Promise<void>, isLong = false): Fault =>
    fault({ what, isLong, tried }, async (scene) => {
      const send: Send = (sent) => upload(scene.url, log, sent)
      // All rounds but the last one record only failures.
      const checkFailure: Check = (text, isExpected) => isExpected || scene.check(text, isExpected)
      for (let n = 1; n <= times; n++) {
        scene.proxy.delay = DELAY
        await play(send, n < times ? { ...scene, check: checkFailure } : scene)
      }
    })

  /** One upload is refused, the others are stored. */
  const refused = (what: string, change: (sent: UploadOptions, n: number) => UploadOptions): Fault =>
    repeated(what, async (send, { check }) => {
      const answers = await Promise.all(batch().map(change).map(send))
      const refusals = answers.filter(({ status, code }) => status === 503 && code === 'unavailable')
      check(`${refusals.length} × 503 unavailable`, refusals.length === 1)
      checkStored(
        check,
        answers.filter((answer) => !refusals.includes(answer)),
      )
    })

  /**
   * While the transaction is open, all uploads but one finish. The last one finishes after the end of the transaction.
   */
  const waiting = (
    what: string,
    changes: Partial<UploadOptions>,
    block: (other: Client, sent: UploadOptions) => Promise<void>,
  ): Fault =>
    repeated(what, async (send, { check }) => {
      const other = new Client({ connectionString: database.url })
      await other.connect()
      await other.query('begin')
      const sent = batch().map((each) => ({ ...each, ...changes }))
      const one = sent.slice(BAD, BAD + 1)
      const answers: Promise<TimedResponse>[] = []
      try {
        if (changes.pauseMs === undefined) for (const each of one) await block(other, each)
        answers.push(...sent.map(send))
        if (changes.pauseMs !== undefined) for (const each of one) await block(other, each)
        const rest = answers.toSpliced(BAD, 1)
        const [seconds, ...neighbours] = await Promise.all([secondsUntil(() => blocks(other)), ...rest])
        check(seconds === undefined ? 'no statement waits' : 'a statement waits', seconds !== undefined)
        checkStored(check, neighbours)
      } finally {
        // This also ends the transaction.
        await other.end()
      }
      const { status, code = '' } = (await answers[BAD]) ?? {}
      check(`then ${status} ${code}`.trim(), status === 201 || status === 503)
      await checkResolved(check, one, send)
    })

  const faults = [
    ...COMMITS.map(({ what, isLong = false, ...trap }) =>
      repeated(what, (send, scene) => loseCommit(send, scene, trap), isLong),
    ),
    refused('a file name that PostgreSQL refuses to insert, among other uploads', (each, n) =>
      n === BAD ? unkeyed(each, { filename: 'refused.png' }) : each,
    ),
    refused('a title that PostgreSQL refuses to commit, among other uploads', (each, n) =>
      n === BAD ? unkeyed(each, { title: 'refused' }) : each,
    ),
    refused('a unique violation between two rows, among other uploads', (each, n) =>
      n === BAD || n === BAD + 1 ? unkeyed(each, { filename: `once-${each.key?.split('-').at(1)}.png` }) : each,
    ),
    waiting('an id that an open transaction has inserted', { size: 5000 }, insertRow),
    // The files are sent slowly, so that the row exists and is locked before its file is complete.
    waiting('a row that an open transaction has locked', { size: 200_000, pauseMs: 300 }, lockRow),
  ]
  return playFaults('shared commits', faults, installation, log, options)
}

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

async function loseCommit(send: Send, { proxy, check }: Scene, trap: Omit<Trap, 'pattern'>): Promise<void> {
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
    await checkResolved(check, sent, send)
    const unconfirmed = answers.filter(({ status }) => status !== 201)
    // One of them is that of the first commit. If the database has received the COMMIT, its uploads are answered with
    // 201 while other connections work.
    const isMany = unconfirmed.length > 2 || (trap.reaches && trap.fate === 'cut')
    if (!hasFired || !isMany) continue
    const codes = [...new Set(unconfirmed.map(({ status, code }) => `${status} ${code}`))]
    const isClear = codes.every((each) => each === '503 unavailable' || each === '503 outcome-unknown')
    const rest = unconfirmed.length > 0 ? `, ${unconfirmed.length} × ${codes.join(' or ')}` : ''
    return check(`${answers.length - unconfirmed.length} × 201${rest}`, isClear)
  }
  check('no COMMIT of many uploads was found', false)
}

function checkStored(check: Check, answers: readonly TimedResponse[]): void {
  const slowest = Math.max(...answers.map(({ seconds }) => seconds))
  const stored = answers.filter(({ status }) => status === 201)
  check(
    `${stored.length} × 201 after ${slowest.toFixed(1)} s or less`,
    stored.length === answers.length && slowest <= PROMPT,
  )
}

/** Repeats each upload with its key until it is stored. */
async function checkResolved(check: Check, sent: readonly UploadOptions[], send: Send): Promise<void> {
  const seconds = await Promise.all(sent.map((each) => secondsUntil(async () => (await send(each)).status === 201)))
  if (seconds.includes(undefined)) check('not all uploads were stored with their keys', false)
}
