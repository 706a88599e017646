/** Kills a server under many uploads at once, whose rows share commits: at named points of a commit, and at any time. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pngOf } from '../samples.ts'
import { CarefulClient } from './careful-client.ts'
import { ClientLog } from './client-log.ts'
import { secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, type Row, runAlone } from './part.ts'
import { seeded } from './seeded.ts'
import { offendersIn, toRow, verdict } from './verdict.ts'

const UPLOADS = 16
const SIZE = 5000
const SEED = 16
const ARM = new URL('fail-points/arm.ts', import.meta.url).href
/** A batch was committed and the next one waits, or the COMMIT of one was sent. */
const POINTS = ['after the row', 'COMMIT of the commit sent', 'after the commit']
/** Within this the uploads come to their end, in ms. */
const UPLOADING_MS = 250
const PATIENCE_MS = 60_000

export const sharedKills: Part = async ({ isFull, say }) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-fail-'))
  const random = seeded(SEED)
  let rounds = 0
  let silent = 0

  /** Uploads that go on until they are stored, whatever server is there by then. */
  function uploads(): Promise<unknown> {
    const which = ++rounds
    const deadline = performance.now() + PATIENCE_MS
    return Promise.all(
      Array.from({ length: UPLOADS }, (_, n) => {
        const name = `killed-${which}-${n}`
        const client = new CarefulClient({ log, server: () => installation.addresses[0], deadline: () => deadline })
        return client.upload({ bytes: pngOf(SIZE, name), title: name, key: name })
      }),
    )
  }

  async function killAt(point: string): Promise<void> {
    const fired = join(folder, `${rounds}`)
    const armed = installation.launch('serve', {
      FAIL_POINT: point,
      FAIL_FIRED: fired,
      FAIL_SIZE: `${SIZE}`,
      NODE_OPTIONS: `--import=${ARM}`,
    })
    installation.mayEnd(armed)
    await armed.ready()
    const done = uploads()
    const hasFired = async () => (await readFile(fired, 'utf8').catch(() => '')) === point
    if ((await secondsUntil(hasFired)) === undefined) silent++
    await installation.kill(armed)
    await endWithAnother(done)
  }

  async function killAtRandom(): Promise<void> {
    const server = await installation.start()
    const done = uploads()
    await setTimeout(random() * UPLOADING_MS)
    await installation.kill(server)
    await endWithAnother(done)
  }

  async function endWithAnother(done: Promise<unknown>): Promise<void> {
    const next = await installation.start()
    await done
    await installation.kill(next)
  }

  async function rowOf(what: string, kills: readonly (() => Promise<void>)[]): Promise<Row> {
    for (const kill of kills) await kill()
    const last = await installation.start()
    const found = await verdict(installation, log)
    await installation.kill(last)
    for (const offender of offendersIn(found)) say(offender)
    say(`${what}: ${kills.length} kills, ${log.acknowledged.length} of ${log.uploads.length} uploads acknowledged`)
    const tried = `${kills.length} kills, ${kills.length * UPLOADS} uploads`
    const unclear = log.uploads.length - log.acknowledged.length
    const also = silent > 0 ? `${silent} NEVER FIRED` : `${unclear} not acknowledged in the end`
    const isRight = silent === 0 && unclear === 0
    return toRow({ what, times: kills.length, tried, verdict: found, also, isRight })
  }

  const points = Array.from({ length: isFull ? 5 : 1 }, () => POINTS).flat()
  const rows = [
    await rowOf(
      `server killed (-9) between two batches and at a COMMIT, under ${UPLOADS} uploads at once`,
      points.map((point) => () => killAt(point)),
    ),
    await rowOf(
      `server killed (-9) at random moments under ${UPLOADS} uploads at once`,
      Array.from({ length: isFull ? 30 : 4 }, () => killAtRandom),
    ),
  ]
  await installation.close()
  await rm(folder, { recursive: true })
  return rows
}

if (import.meta.main) await runAlone(sharedKills)
