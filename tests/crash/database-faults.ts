/**
 * PostgreSQL behind a proxy with the faults of networks: the responses to clients, and what the stores contain
 * afterwards.
 */
import type { Trap } from '../fault-proxy.ts'
import { ClientLog } from './client-log.ts'
import { type Check, playFaults, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { proxied } from './proxied.ts'
import { format, request, type TimedResponse, upload, uploadUnfinished } from './timed-requests.ts'

interface CommitFault extends Omit<Trap, 'pattern'> {
  readonly what: string
  /** The error code of the response, if it is not 201. */
  readonly code?: string
  readonly isLong?: boolean
}

const COMMITS: readonly CommitFault[] = [
  { what: 'COMMIT not received, connection reset', reaches: false, fate: 'cut', code: 'unavailable' },
  { what: 'COMMIT received, connection reset', reaches: true, fate: 'cut' },
  { what: 'COMMIT not received, all reset', reaches: false, fate: 'cut all', code: 'outcome-unknown', isLong: true },
  { what: 'COMMIT received, all reset', reaches: true, fate: 'cut all', code: 'outcome-unknown' },
  { what: 'COMMIT not received, connection hangs', reaches: false, fate: 'hang', code: 'outcome-unknown' },
  { what: 'COMMIT received, connection hangs', reaches: true, fate: 'hang', isLong: true },
  { what: 'COMMIT not received, all hang', reaches: false, fate: 'hang all', code: 'outcome-unknown', isLong: true },
  { what: 'COMMIT received, all hang', reaches: true, fate: 'hang all', code: 'outcome-unknown' },
]

export const databaseFaults: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // Runs the jobs of all servers. It reaches the database without the proxy.
  const first = await installation.start()
  await installation.start('worker')
  await installation.kill(first, 'SIGTERM')
  const fault = proxied({ installation, log, variable: 'DATABASE_URL', extra: { WORKER: 'off' } })

  const faults = [
    fault({ what: 'PostgreSQL refuses connections' }, async ({ url, proxy, check }) => {
      await proxy.refuse()
      checkUnavailable(check, 2, await uploadUnfinished(url))
      checkUnavailable(check, 2, await request(`${url}/media/`))
      checkDown(check, await request(`${url}/healthcheck/`))
    }),
    fault({ what: 'PostgreSQL resets connections', isLong: true }, async ({ url, proxy, check }) => {
      proxy.newConnections = 'reset'
      proxy.cut()
      checkUnavailable(check, 2, await uploadUnfinished(url))
      checkUnavailable(check, 2, await request(`${url}/media/`))
    }),
    fault({ what: 'PostgreSQL hangs' }, async ({ url, proxy, check }) => {
      proxy.newConnections = 'hang'
      proxy.silence()
      const health = request(`${url}/healthcheck/`)
      const [sent, read] = await Promise.all([uploadUnfinished(url), request(`${url}/media/`)])
      checkUnavailable(check, 5, sent)
      checkUnavailable(check, 5, read)
      checkDown(check, await health)
    }),
    fault({ what: 'connections to PostgreSQL hang, new ones work' }, async ({ proxy }) => proxy.silence()),
    fault({ what: 'PostgreSQL delays all data by 100 ms', isLong: true }, async ({ url, proxy, log, check }) => {
      proxy.delay = 100
      const answer = await upload(url, log, { title: 'over a slow network' })
      check(format(answer), answer.status === 201)
    }),
    fault({ what: 'INSERT of the row received, all hang', isLong: true }, async ({ url, proxy, log, check }) => {
      const fired = proxy.trap({ pattern: 'insert into media_job', reaches: true, fate: 'hang all' })
      checkUnavailable(check, 5, await upload(url, log, { title: 'an unconfirmed row' }))
      await fired
    }),
    ...COMMITS.map((commit) =>
      fault({ what: commit.what, isLong: commit.isLong ?? false }, async ({ url, proxy, log, check }) => {
        const options = { title: commit.what, key: commit.what.replaceAll(' ', '-') }
        const fired = proxy.trap({ pattern: 'commit\0', reaches: commit.reaches, fate: commit.fate })
        const answer = await upload(url, log, options)
        await fired
        const status = commit.code === undefined ? 201 : 503
        const maxSeconds = commit.code === 'unavailable' ? 5 : 10
        check(format(answer), answer.status === status && answer.code === commit.code && answer.seconds <= maxSeconds)
        await proxy.recover()
        await checkRepetition(check, commit.reaches, () => upload(url, log, options))
      }),
    ),
  ]
  return playFaults('PostgreSQL', faults, installation, log, options)
}

function checkUnavailable(check: Check, seconds: number, answer: TimedResponse): void {
  const { status, code, headers } = answer
  const isRight = status === 503 && code === 'unavailable' && headers['retry-after'] !== undefined
  check(format(answer), isRight && answer.seconds <= seconds)
}

function checkDown(check: Check, { status, body, seconds }: TimedResponse): void {
  check(
    `health ${status} ${String(body['status'])} after ${seconds.toFixed(1)} s`,
    status === 503 && body['status'] === 'down' && seconds < 3,
  )
}

/**
 * Repeats the upload with its key. An upload that was committed is replayed. Another one is stored once its lease has
 * expired.
 */
async function checkRepetition(
  check: Check,
  wasCommitted: boolean,
  repeat: () => Promise<TimedResponse>,
): Promise<void> {
  let answer: TimedResponse | undefined
  await secondsUntil(async () => {
    answer = await repeat()
    return answer.status === 201
  })
  const isReplayed = answer?.headers['idempotency-replayed'] === 'true'
  check(
    `then ${answer?.status}${isReplayed ? ', replayed' : ', stored again'}`,
    answer?.status === 201 && isReplayed === wasCommitted,
  )
}
