/**
 * Stops a process (SIGSTOP) at a named point for longer than others wait for it, lets others decide meanwhile, and wakes it:
 * what it does then may change nothing, and what it writes has to be gone in the end.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { secondsUntil } from './faults.ts'
import { Installation, LEASE, REAP, type StorageName } from './installation.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { inWords, type Told, told, upload } from './told.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const ARM = new URL('fail-points/arm.ts', import.meta.url).href
const SIZE = 400_000
/** Longer than it takes to wake up and write, so that the second discard comes after. */
const FORGET_AFTER = '10'
const LONGER_THAN_A_LEASE = (LEASE + REAP) * 1000

/** In ms: a job is another's after 15 s without a sign of life and a round of 5 s; see PgBossJobs. */
const TAKEN_OVER = 40_000

type Meanwhile =
  | 'nobody else tries'
  | 'it is sent again'
  | 'another does its job and it is renamed'
  | 'another does its job and it is deleted'

interface Pause {
  readonly at: string
  /** Of which that is a part, where it is none of the upload. */
  readonly job?: string
  readonly meanwhile: Meanwhile
  readonly isLong?: boolean
  readonly storage?: StorageName
}

const UPLOADS = [
  'first bytes stored',
  'half of the bytes stored',
  'all bytes stored',
  'storage complete',
  'before the commit',
]
const JOBS = { 'before the document': 'describe-media', 'before the title': 'cache-title' }
const IN_BRIEF = ['half of the bytes stored', 'before the commit']

const PAUSES: readonly Pause[] = [
  ...UPLOADS.flatMap((at): Pause[] => [
    { at, meanwhile: 'it is sent again', isLong: !IN_BRIEF.includes(at) },
    { at, meanwhile: 'nobody else tries', isLong: true },
    { at, meanwhile: 'it is sent again', isLong: true, storage: 'imagekit' },
  ]),
  ...Object.entries(JOBS).flatMap(([at, job]): Pause[] => [
    { at, job, meanwhile: 'another does its job and it is deleted', isLong: job !== 'describe-media' },
    { at, job, meanwhile: 'another does its job and it is renamed', isLong: true },
  ]),
]
const AT_ONCE = 4

export const paused: Part = async (options) => {
  const waiting = PAUSES.filter(({ isLong = false }) => options.isFull || !isLong)
  const rows: Row[] = []
  const work = async (): Promise<void> => {
    for (let pause = waiting.shift(); pause; pause = waiting.shift()) rows.push(await play(pause, options))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return rows
}

async function play({ at, job, meanwhile, storage = 'filesystem' }: Pause, { say }: Options): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-paused-'))
  const fired = join(folder, 'fired')
  const [installation, log] = [
    await Installation.open(storage, { FORGET_AFTER_SECONDS: FORGET_AFTER }),
    new ClientLog(),
  ]
  const armed = await installation.start('serve', {
    FAIL_POINT: at,
    FAIL_FIRED: fired,
    FAIL_SIZE: `${SIZE}`,
    FAIL_SIGNAL: 'SIGSTOP',
    NODE_OPTIONS: `--import=${ARM}`,
  })
  const sending = { title: at, key: 'a-key', size: SIZE, pause: 5, patience: 60_000 }
  const told = upload(armed.url, log, sending)
  const stopped = await secondsUntil(async () => (await readFile(fired, 'utf8').catch(() => '')) === at)
  const began = performance.now()
  const other = await installation.start()
  const isTakenOver = job === undefined || (await isDone(installation, job))
  const decided = await MEANWHILE[meanwhile]({ installation, log, sending, other: other.url, first: told })
  // Also when all was decided sooner, others must have had the time to take it for dead.
  await setTimeout(Math.max(0, began + LONGER_THAN_A_LEASE - performance.now()))
  const seconds = (performance.now() - began) / 1000
  armed.child.kill('SIGCONT')
  const answer = await told
  // Ends what it is at before it ends, so that nothing is looked at too soon.
  await installation.kill(armed, 'SIGTERM')
  const left = await verdict(installation, log)
  await installation.close()
  await rm(folder, { recursive: true })
  const row = toRow({
    what: `paused (SIGSTOP) at "${at}", and ${meanwhile}${storage === 'imagekit' ? ' (ImageKit)' : ''}`,
    times: 1,
    tried: `for ${seconds.toFixed(0)} s`,
    verdict: left,
    also: `${decided.what}; the paused one, woken, said ${inWords(answer)}`,
    isRight:
      stopped !== undefined && isTakenOver && decided.isRight && answer.status === (job === undefined ? 503 : 201),
  })
  say(`${row.what}: ${row.outcome}`)
  for (const offender of offendersIn(left)) say(offender)
  return row
}

/** By another than the one who is paused in it, to whom it is no longer given. */
async function isDone({ database }: Installation, job: string): Promise<boolean> {
  const done = `select from pgboss.job where name = '${job}' and retry_count > 0 and state = 'completed'`
  return (await secondsUntil(async () => (await database.query(done)).rowCount === 1, TAKEN_OVER)) !== undefined
}

interface Scene {
  readonly installation: Installation
  readonly log: ClientLog
  readonly sending: { readonly title: string; readonly key: string }
  /** A server that is well. */
  readonly other: string
  /** What the first client is told, some day. */
  readonly first: Promise<Told>
}

/** What is decided without the paused one. */
const MEANWHILE: Readonly<Record<Meanwhile, (scene: Scene) => Promise<{ what: string; isRight: boolean }>>> = {
  'nobody else tries': async ({ installation }) => {
    const seconds = await secondsUntil(async () => {
      const { rows } = await installation.database.query('select state, discarded_at from media_job')
      return rows[0]?.state === 'abandoned' && rows[0].discarded_at !== null
    })
    return { what: 'put away', isRight: seconds !== undefined }
  },

  'it is sent again': async ({ log, other, sending }) => {
    let answer: Told | undefined
    await secondsUntil(async () => {
      answer = await upload(other, log, sending)
      return answer.status === 201
    })
    return { what: `sent again: ${answer?.status}`, isRight: answer?.status === 201 }
  },

  'another does its job and it is renamed': async ({ log, other, first }) => {
    const { id } = (await first).body
    const sha256 = log.uploads[0]?.sha256 ?? ''
    log.mayBeCalled(sha256, 'renamed')
    const { status } = await told(`${other}/media/${String(id)}/`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(JSON.stringify({ title: 'renamed' })),
    })
    if (status === 200) log.isCalled(sha256, 'renamed')
    const isShown = async () => (await told(`${other}/media/${String(id)}/title/`)).body['title'] === 'renamed'
    return { what: `renamed: ${status}`, isRight: status === 200 && (await secondsUntil(isShown)) !== undefined }
  },

  'another does its job and it is deleted': async ({ installation, log, other, first }) => {
    const { id } = (await first).body
    const sha256 = log.uploads[0]?.sha256 ?? ''
    log.mayBeDeleted(sha256)
    const { status } = await told(`${other}/media/${String(id)}/`, { method: 'DELETE' })
    if (status === 204) log.isDeleted(sha256)
    const isDiscarded = async () =>
      (await installation.database.query('select from media_job where discarded_at is not null')).rowCount === 1
    const seconds = await secondsUntil(isDiscarded)
    return { what: `deleted: ${status}, and its bytes are gone`, isRight: status === 204 && seconds !== undefined }
  },
}

if (import.meta.main) await runAlone(paused)
