/** PostgreSQL behind a proxy that fails as networks do: what clients are told meanwhile, and what is left. */
import type { Trap } from '../fault-proxy.ts'
import { ClientLog } from './client-log.ts'
import { playFaults, type See, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { proxied } from './proxied.ts'
import { inWords, type Told, told, upload, uploadWithoutEnd } from './told.ts'

interface CommitFault extends Omit<Trap, 'pattern'> {
  readonly what: string
  /** What is told to the client, where it is not 201. */
  readonly code?: string
  readonly isLong?: boolean
}

const COMMITS: readonly CommitFault[] = [
  { what: 'cut before PostgreSQL has the COMMIT', reaches: false, fate: 'cut', code: 'unavailable' },
  { what: 'cut after the COMMIT, before its answer', reaches: true, fate: 'cut' },
  {
    what: 'PostgreSQL gone at the COMMIT, which it has not',
    reaches: false,
    fate: 'cut all',
    code: 'outcome-unknown',
    isLong: true,
  },
  { what: 'PostgreSQL gone at the COMMIT, which it has', reaches: true, fate: 'cut all', code: 'outcome-unknown' },
  { what: 'silence at the COMMIT, which PostgreSQL has not', reaches: false, fate: 'hang', code: 'outcome-unknown' },
  { what: 'silence at the COMMIT, which PostgreSQL has', reaches: true, fate: 'hang', isLong: true },
  {
    what: 'all hangs at the COMMIT, which PostgreSQL has not',
    reaches: false,
    fate: 'hang all',
    code: 'outcome-unknown',
    isLong: true,
  },
  { what: 'all hangs at the COMMIT, which PostgreSQL has', reaches: true, fate: 'hang all', code: 'outcome-unknown' },
]

export const databaseFaults: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  // Does the jobs of all servers, and nothing is between it and the database.
  const inFront = await installation.start()
  await installation.start('worker')
  await installation.kill(inFront, 'SIGTERM')
  const fault = proxied({ installation, log, variable: 'DATABASE_URL', extra: { WORKER: 'off' } })

  const faults = [
    fault({ what: 'PostgreSQL refuses connections' }, async ({ url, proxy, see }) => {
      await proxy.refuse()
      seeUnavailable(see, 2, await uploadWithoutEnd(url))
      seeUnavailable(see, 2, await told(`${url}/media/`))
      seeDown(see, await told(`${url}/healthcheck/`))
    }),
    fault({ what: 'PostgreSQL resets connections', isLong: true }, async ({ url, proxy, see }) => {
      proxy.newOnes = 'reset'
      proxy.cut()
      seeUnavailable(see, 2, await uploadWithoutEnd(url))
      seeUnavailable(see, 2, await told(`${url}/media/`))
    }),
    fault({ what: 'PostgreSQL hangs' }, async ({ url, proxy, see }) => {
      proxy.newOnes = 'hang'
      proxy.silence()
      const health = told(`${url}/healthcheck/`)
      const [sent, read] = await Promise.all([uploadWithoutEnd(url), told(`${url}/media/`)])
      seeUnavailable(see, 5, sent)
      seeUnavailable(see, 5, read)
      seeDown(see, await health)
    }),
    fault({ what: 'connections to PostgreSQL fall silent, new ones are sound' }, async ({ proxy }) => proxy.silence()),
    fault({ what: 'PostgreSQL is slow: 100 ms each way', isLong: true }, async ({ url, proxy, log, see }) => {
      proxy.delay = 100
      const answer = await upload(url, log, { title: 'over a slow line' })
      see(inWords(answer), answer.status === 201)
    }),
    fault(
      { what: 'all hangs at the row of an upload, which PostgreSQL has', isLong: true },
      async ({ url, proxy, log, see }) => {
        const sprung = proxy.trap({ pattern: 'insert into media_job', reaches: true, fate: 'hang all' })
        seeUnavailable(see, 5, await upload(url, log, { title: 'a row in doubt' }))
        await sprung
      },
    ),
    ...COMMITS.map((commit) =>
      fault({ what: commit.what, isLong: commit.isLong ?? false }, async ({ url, proxy, log, see }) => {
        const sending = { title: commit.what, key: commit.what.replaceAll(' ', '-') }
        const sprung = proxy.trap({ pattern: 'commit\0', reaches: commit.reaches, fate: commit.fate })
        const answer = await upload(url, log, sending)
        await sprung
        const [status, patience] = commit.code === undefined ? [201, 10] : [503, commit.code === 'unavailable' ? 5 : 10]
        see(inWords(answer), answer.status === status && answer.code === commit.code && answer.seconds <= patience)
        await proxy.recover()
        await seeSame(see, commit.reaches, () => upload(url, log, sending))
      }),
    ),
  ]
  return playFaults('PostgreSQL', faults, installation, log, options)
}

function seeUnavailable(see: See, seconds: number, answer: Told): void {
  const { status, code, headers } = answer
  const isRight = status === 503 && code === 'unavailable' && headers['retry-after'] !== undefined
  see(inWords(answer), isRight && answer.seconds <= seconds)
}

function seeDown(see: See, { status, body, seconds }: Told): void {
  see(
    `health ${status} ${String(body['status'])} after ${seconds.toFixed(1)} s`,
    status === 503 && body['status'] === 'down' && seconds < 3,
  )
}

/** Under its key, an upload that was committed is there, and one that was not is taken once its lease has run out. */
async function seeSame(see: See, wasCommitted: boolean, again: () => Promise<Told>): Promise<void> {
  let answer: Told | undefined
  await secondsUntil(async () => {
    answer = await again()
    return answer.status === 201
  })
  const isReplayed = answer?.headers['idempotency-replayed'] === 'true'
  see(
    `then ${answer?.status}${isReplayed ? ', as it was' : ', stored anew'}`,
    answer?.status === 201 && isReplayed === wasCommitted,
  )
}

if (import.meta.main) await runAlone(databaseFaults)
