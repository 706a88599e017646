/**
 * Stops a process (SIGSTOP) at a named point for longer than a lease, lets other processes take over, and resumes it.
 * Afterwards it may change nothing, and what it writes must be deleted.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { folderUntilExit } from '../support/processes.ts'
import { type HttpResponse, remove, rename, request, upload } from './client.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { Installation, LEASE, REAP, type StorageName } from './installation.ts'
import { concurrent, expectNothingLost, isFull, until } from './suite.ts'

const SIZE = 400_000
/** Longer than the resumed process needs to write, so that the second discard comes after it. */
const FORGET_AFTER_SECONDS = '10'
const LONGER_THAN_A_LEASE = (LEASE + REAP) * 1000
/** In ms. A job is given to another process after 15 s without a heartbeat and a round of 5 s; see PgBossJobs. */
const TAKEN_OVER = 40_000

interface Scene {
  readonly installation: Installation
  readonly sent: { readonly title: string; readonly key: string }
  /** The address of the server that is not paused. */
  readonly other: string
  /** The media item of the upload to the paused server, if the pause is in a job. */
  readonly media: HttpResponse['body']
}

/** What happens while the process is paused. */
const TAKEOVERS = {
  'the upload is not repeated': async ({ installation }: Scene) => {
    await until('it is abandoned and discarded', async () => {
      const { rows } = await installation.database.query('select state, discarded_at from media_job')
      return rows[0]?.state === 'abandoned' && rows[0].discarded_at !== null
    })
  },

  'the upload is repeated': async ({ installation: { log }, other, sent }: Scene) => {
    await until('the repeated upload succeeds', async () => (await upload(other, log, sent)).status === 201)
  },

  'the job is taken over, the title changed': async ({ installation: { log }, other, media }: Scene) => {
    expect(await rename(other, log, media, 'renamed')).toMatchObject({ status: 200 })
    const title = async () => (await request(`${other}/media/${String(media['id'])}/title/`)).body['title']
    await until('the new title is read', async () => (await title()) === 'renamed')
  },

  'the job is taken over, the media item deleted': async ({ installation, other, media }: Scene) => {
    expect(await remove(other, installation.log, media)).toMatchObject({ status: 204 })
    const discarded = 'select from media_job where discarded_at is not null'
    await until('its bytes are deleted', async () => (await installation.database.query(discarded)).rowCount === 1)
  },
}

interface Pause {
  readonly at: string
  /** The job that has this point, if the upload itself does not have it. */
  readonly job?: string
  readonly takeover: keyof typeof TAKEOVERS
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

for (const { at, job, takeover, isLong = false, storage = 'filesystem' } of PAUSES)
  test(`paused (SIGSTOP) at "${at}", ${takeover}, ${storage}`, {
    ...concurrent,
    skip: isLong && !isFull,
  }, async (context) => {
    const target = { point: at, firedFile: join(folderUntilExit(), 'fired') }
    const installation = await Installation.open(storage, { FORGET_AFTER_SECONDS })
    context.onTestFinished(() => installation.close())
    const { database, log } = installation
    const variables = { ...armedAt(target), FAIL_SIZE: `${SIZE}`, FAIL_SIGNAL: 'SIGSTOP' }
    const armed = await installation.start('serve', variables)
    const sent = { title: at, key: 'a-key', size: SIZE, pauseMs: 5, timeoutMs: 60_000 }
    const response = upload(armed.url, log, sent)
    await until('it is paused', () => hasFired(target))
    const start = performance.now()
    const { url: other } = await installation.start()
    if (job !== undefined) {
      const done = `select from pgboss.job where name = '${job}' and retry_count > 0 and state = 'completed'`
      await until(
        'another process has done the job',
        async () => (await database.query(done)).rowCount === 1,
        TAKEN_OVER,
      )
    }
    const media = job === undefined ? {} : (await response).body
    await TAKEOVERS[takeover]({ installation, sent, other, media })
    // Others must have the time to consider the process dead, even if the outcome was decided earlier.
    await setTimeout(Math.max(0, start + LONGER_THAN_A_LEASE - performance.now()))
    await context.annotate(`paused for ${((performance.now() - start) / 1000).toFixed(0)} s`)
    armed.child.kill('SIGCONT')
    expect(await response).toMatchObject({ status: job === undefined ? 503 : 201 })
    // A graceful shutdown finishes the current work, so that the verdict is not too early.
    await installation.kill(armed, 'SIGTERM')
    await expectNothingLost(installation, context)
  })
