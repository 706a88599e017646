/** Many uploads at once, so that their rows share commits, and what goes wrong with one commit or with one row of it. */
import { Client } from 'pg'
import type { Trap } from '../fault-proxy.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, type See, secondsUntil } from './faults.ts'
import { blocks, insertRow, lockRow } from './held-rows.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { proxied, type Scene } from './proxied.ts'
import { type Sent, type Told, upload } from './told.ts'

const UPLOADS = 16
/** One of them in the middle. */
const BAD = 5
/** The neighbours of a row that is refused or locked are answered within this, in seconds. */
const PROMPT = 5
/** In ms each way: a commit takes longer than the uploads take to arrive, so that the next commit has many of them. */
const DELAY = 20
/** In this many rounds a commit with several uploads in it is met. */
const ROUNDS = 5
/** As the driver sends it. */
const COMMIT = 'commit\0'

interface CommitFault extends Omit<Trap, 'pattern'> {
  readonly what: string
  readonly isLong?: boolean
}

const COMMITS: readonly CommitFault[] = [
  { what: 'cut before PostgreSQL has a COMMIT of many uploads', reaches: false, fate: 'cut' },
  { what: 'cut after a COMMIT of many uploads, before its answer', reaches: true, fate: 'cut' },
  { what: 'PostgreSQL gone at a COMMIT of many uploads, which it has not', reaches: false, fate: 'cut all' },
  { what: 'PostgreSQL gone at a COMMIT of many uploads, which it has', reaches: true, fate: 'cut all', isLong: true },
]

/** What the database refuses: to insert one file's name, to store one title, and two files of one name. */
const REFUSALS = `
  create function refuse() returns trigger language plpgsql as $$ begin
    if new.filename = 'refused.png' or new.title = 'refused' then raise exception 'refused'; end if;
    return new;
  end $$;
  create trigger refuse before insert or update on media_job for each row execute function refuse();
  create unique index once on media_job (filename) where filename like 'once-%'`

type Send = (sent: Sent) => Promise<Told>

export const sharedCommits: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // Does the jobs of all servers, and nothing is between it and the database.
  await installation.start()
  const { database } = installation
  await database.query(REFUSALS)
  const fault = proxied({ installation, log, variable: 'DATABASE_URL', extra: { WORKER: 'off' } })
  const times = options.isFull ? 10 : 1
  const tried = `${UPLOADS} uploads${options.isFull ? `, ${times} times` : ''}`
  const repeated = (what: string, play: (send: Send, scene: Scene) => Promise<void>, isLong = false): Fault =>
    fault({ what, isLong, tried }, async (scene) => {
      const send: Send = (sent) => upload(scene.url, log, sent)
      // Of all but the last time, only what is not promised is shown.
      const seeWrong: See = (sight, isRight) => isRight || scene.see(sight, isRight)
      for (let n = 1; n <= times; n++) {
        scene.proxy.delay = DELAY
        await play(send, n < times ? { ...scene, see: seeWrong } : scene)
      }
    })

  /** One of the uploads is refused, and the others are stored. */
  const refused = (what: string, change: (sent: Sent, n: number) => Sent): Fault =>
    repeated(what, async (send, { see }) => {
      const answers = await Promise.all(batch().map(change).map(send))
      const bad = answers.filter(({ status, code }) => status === 503 && code === 'unavailable')
      see(`${bad.length} × 503 unavailable`, bad.length === 1)
      seeStored(
        see,
        answers.filter((answer) => !bad.includes(answer)),
      )
    })

  /** While the transaction is open all uploads but one are answered, and after its end that one, too. */
  const waiting = (what: string, how: Partial<Sent>, block: (other: Client, sent: Sent) => Promise<void>): Fault =>
    repeated(what, async (send, { see }) => {
      const other = new Client({ connectionString: database.url })
      await other.connect()
      await other.query('begin')
      const sent = batch().map((each) => ({ ...each, ...how }))
      const one = sent.slice(BAD, BAD + 1)
      const answers: Promise<Told>[] = []
      try {
        if (how.pause === undefined) for (const each of one) await block(other, each)
        answers.push(...sent.map(send))
        if (how.pause !== undefined) for (const each of one) await block(other, each)
        const rest = answers.toSpliced(BAD, 1)
        const [seconds, ...neighbours] = await Promise.all([secondsUntil(() => blocks(other)), ...rest])
        see(seconds === undefined ? 'nothing waits' : 'it waits', seconds !== undefined)
        seeStored(see, neighbours)
      } finally {
        // Ends its transaction, too.
        await other.end()
      }
      const { status, code = '' } = (await answers[BAD]) ?? {}
      see(`then ${status} ${code}`.trim(), status === 201 || status === 503)
      await seeResolved(see, one, send)
    })

  const faults = [
    ...COMMITS.map(({ what, isLong = false, ...trap }) =>
      repeated(what, (send, scene) => loseCommit(send, scene, trap), isLong),
    ),
    refused('a file name that PostgreSQL refuses to insert, among others', (each, n) =>
      n === BAD ? unkeyed(each, { filename: 'refused.png' }) : each,
    ),
    refused('a title that PostgreSQL refuses to commit, among others', (each, n) =>
      n === BAD ? unkeyed(each, { title: 'refused' }) : each,
    ),
    refused('a unique violation between two rows, among others', (each, n) =>
      n === BAD || n === BAD + 1 ? unkeyed(each, { filename: `once-${each.key?.split('-').at(1)}.png` }) : each,
    ),
    waiting('an id that an open transaction has inserted', { size: 5000 }, insertRow),
    // They are sent in pieces, so that the row is there and locked before its file is.
    waiting('a row that an open transaction has locked', { size: 200_000, pause: 300 }, lockRow),
  ]
  return playFaults('shared commits', faults, installation, log, options)
}

let batches = 0

/** Each has a key and a name of its own. */
function batch(): readonly Sent[] {
  const which = ++batches
  return Array.from({ length: UPLOADS }, (_, n) => {
    const name = `shared-${which}-${n}`
    return { title: name, key: name, filename: `${name}.png`, size: 5000 }
  })
}

const unkeyed = ({ title, size = 0 }: Sent, changes: Partial<Sent>): Sent => ({ title, size, ...changes })

async function loseCommit(send: Send, { proxy, see }: Scene, trap: Omit<Trap, 'pattern'>): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    proxy.delay = DELAY
    const sent = batch()
    // The first commit has the upload that came first, and the next one all that came while it ran.
    const first = proxy.trap({ pattern: COMMIT, reaches: false, fate: 'cut' })
    const answering = Promise.all(sent.map(send))
    await first
    let isSprung = false
    void proxy.trap({ ...trap, pattern: COMMIT }).then(
      () => (isSprung = true),
      () => undefined,
    )
    const answers = await answering
    await proxy.recover()
    await seeResolved(see, sent, send)
    const open = answers.filter(({ status }) => status !== 201)
    // One is the first. Of a commit that the database has, uploads are answered 201 while there are other connections.
    const isMany = open.length > 2 || (trap.reaches && trap.fate === 'cut')
    if (!isSprung || !isMany) continue
    const codes = [...new Set(open.map(({ status, code }) => `${status} ${code}`))]
    const isClear = codes.every((each) => each === '503 unavailable' || each === '503 outcome-unknown')
    const rest = open.length > 0 ? `, ${open.length} × ${codes.join(' or ')}` : ''
    return see(`${answers.length - open.length} × 201${rest}`, isClear)
  }
  see('no COMMIT of many uploads was met', false)
}

function seeStored(see: See, answers: readonly Told[]): void {
  const slowest = Math.max(...answers.map(({ seconds }) => seconds))
  const stored = answers.filter(({ status }) => status === 201)
  see(
    `${stored.length} × 201 after ${slowest.toFixed(1)} s at most`,
    stored.length === answers.length && slowest <= PROMPT,
  )
}

/** Under their keys, all of them are stored in the end. */
async function seeResolved(see: See, sent: readonly Sent[], send: Send): Promise<void> {
  const seconds = await Promise.all(sent.map((each) => secondsUntil(async () => (await send(each)).status === 201)))
  if (seconds.includes(undefined)) see('not all stored under their keys', false)
}

if (import.meta.main) await runAlone(sharedCommits)
