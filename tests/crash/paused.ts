/**
 * Stops a process (SIGSTOP) at a named point for longer than a lease, lets other processes take over, and resumes it.
 * Afterwards it may change nothing, and what it writes must be deleted.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { folderUntilExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { secondsUntil } from './faults.ts'
import { titleChange } from './http-client.ts'
import { Installation, LEASE, REAP, type StorageName } from './installation.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { format, request, type TimedResponse, upload } from './timed-requests.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'

const SIZE = 400_000
/** Longer than the resumed process needs to write, so that the second discard comes after it. */
const FORGET_AFTER = '10'
const LONGER_THAN_A_LEASE = (LEASE + REAP) * 1000

/** In ms. A job is given to another process after 15 s without a heartbeat and a round of 5 s; see PgBossJobs. */
const TAKEN_OVER = 40_000

type Takeover =
  | 'the upload is not repeated'
  | 'the upload is repeated'
  | 'the job is taken over, the title changed'
  | 'the job is taken over, the media item deleted'

interface Pause {
  readonly at: string
  /** The job that has this point, if the upload itself does not have it. */
  readonly job?: string
  readonly takeover: Takeover
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
const IN_SHORT_RUN = ['half of the bytes stored', 'before the commit']

const PAUSES: readonly Pause[] = [
  ...UPLOADS.flatMap((at): Pause[] => [
    { at, takeover: 'the upload is repeated', isLong: !IN_SHORT_RUN.includes(at) },
    { at, takeover: 'the upload is not repeated', isLong: true },
    { at, takeover: 'the upload is repeated', isLong: true, storage: 'imagekit' },
  ]),
  ...Object.entries(JOBS).flatMap(([at, job]): Pause[] => [
    { at, job, takeover: 'the job is taken over, the media item deleted', isLong: job !== 'describe-media' },
    { at, job, takeover: 'the job is taken over, the title changed', isLong: true },
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

async function play({ at, job, takeover, storage = 'filesystem' }: Pause, { report }: PartOptions): Promise<Row> {
  const folder = folderUntilExit()
  const target = { point: at, firedFile: join(folder, 'fired') }
  const [installation, log] = [
    await Installation.open(storage, { FORGET_AFTER_SECONDS: FORGET_AFTER }),
    new ClientLog(),
  ]
  const armed = await installation.start('serve', {
    ...armedAt(target),
    FAIL_SIZE: `${SIZE}`,
    FAIL_SIGNAL: 'SIGSTOP',
  })
  const options = { title: at, key: 'a-key', size: SIZE, pauseMs: 5, timeoutMs: 60_000 }
  const response = upload(armed.url, log, options)
  const stopped = await secondsUntil(() => hasFired(target))
  const start = performance.now()
  const other = await installation.start()
  const isTakenOver = job === undefined || (await isDone(installation, job))
  const decided = await TAKEOVERS[takeover]({ installation, log, options, other: other.url, first: response })
  // Others must have the time to consider the process dead, even if the outcome was decided earlier.
  await setTimeout(Math.max(0, start + LONGER_THAN_A_LEASE - performance.now()))
  const seconds = (performance.now() - start) / 1000
  armed.child.kill('SIGCONT')
  const answer = await response
  // A graceful shutdown finishes the current work, so that the verdict is not too early.
  await installation.kill(armed, 'SIGTERM')
  const found = await verdict(installation, log)
  await installation.close()
  const row = toRow({
    what: `paused (SIGSTOP) at "${at}", ${takeover}${storage === 'imagekit' ? ' (ImageKit)' : ''}`,
    times: 1,
    tried: `for ${seconds.toFixed(0)} s`,
    verdict: found,
    details: `${decided.what}; the resumed process answered ${format(answer)}`,
    isRight:
      stopped !== undefined && isTakenOver && decided.isRight && answer.status === (job === undefined ? 503 : 201),
  })
  report(`${row.what}: ${row.outcome}`)
  for (const violation of violationsIn(found)) report(violation)
  return row
}

/** Returns whether another process has taken over and completed the job. */
async function isDone({ database }: Installation, job: string): Promise<boolean> {
  const done = `select from pgboss.job where name = '${job}' and retry_count > 0 and state = 'completed'`
  return (await secondsUntil(async () => (await database.query(done)).rowCount === 1, TAKEN_OVER)) !== undefined
}

interface Scene {
  readonly installation: Installation
  readonly log: ClientLog
  readonly options: { readonly title: string; readonly key: string }
  /** The address of the server that is not paused. */
  readonly other: string
  /** The response of the paused server. */
  readonly first: Promise<TimedResponse>
}

/** What happens while the process is paused. */
const TAKEOVERS: Readonly<Record<Takeover, (scene: Scene) => Promise<{ what: string; isRight: boolean }>>> = {
  'the upload is not repeated': async ({ installation }) => {
    const seconds = await secondsUntil(async () => {
      const { rows } = await installation.database.query('select state, discarded_at from media_job')
      return rows[0]?.state === 'abandoned' && rows[0].discarded_at !== null
    })
    return { what: 'abandoned', isRight: seconds !== undefined }
  },

  'the upload is repeated': async ({ log, other, options }) => {
    let answer: TimedResponse | undefined
    await secondsUntil(async () => {
      answer = await upload(other, log, options)
      return answer.status === 201
    })
    return { what: `repeated: ${answer?.status}`, isRight: answer?.status === 201 }
  },

  'the job is taken over, the title changed': async ({ log, other, first }) => {
    const { id } = (await first).body
    const sha256 = log.uploads[0]?.sha256 ?? ''
    log.renameSent(sha256, 'renamed')
    const { status } = await request(`${other}/media/${String(id)}/`, titleChange('renamed'))
    if (status === 200) log.renameAcknowledged(sha256, 'renamed')
    const isShown = async () => (await request(`${other}/media/${String(id)}/title/`)).body['title'] === 'renamed'
    return { what: `renamed: ${status}`, isRight: status === 200 && (await secondsUntil(isShown)) !== undefined }
  },

  'the job is taken over, the media item deleted': async ({ installation, log, other, first }) => {
    const { id } = (await first).body
    const sha256 = log.uploads[0]?.sha256 ?? ''
    log.deletionSent(sha256)
    const { status } = await request(`${other}/media/${String(id)}/`, { method: 'DELETE' })
    if (status === 204) log.deletionAcknowledged(sha256)
    const isDiscarded = async () =>
      (await installation.database.query('select from media_job where discarded_at is not null')).rowCount === 1
    const seconds = await secondsUntil(isDiscarded)
    return { what: `deleted: ${status}, and its bytes are deleted`, isRight: status === 204 && seconds !== undefined }
  },
}
