/**
 * Kills a server under many simultaneous uploads whose rows share commits: at named points of a commit and at random
 * moments.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pngOf } from '../samples.ts'
import { folderUntilExit } from '../support/processes.ts'
import { CarefulClient } from './careful-client.ts'
import { ClientLog } from './client-log.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part, Row } from './part.ts'
import { seeded } from './seeded.ts'
import { toRow, verdict, violationsIn } from './verdict.ts'

const UPLOADS = 16
const SIZE = 5000
const SEED = 16
/** The points after the commit of a batch while the next batch waits, and after the COMMIT of a batch is sent. */
const POINTS = ['after the row', 'COMMIT of the commit sent', 'after the commit']
/** The time in which the uploads finish. */
const UPLOADING_MS = 250
const TIMEOUT_MS = 60_000

export const sharedKills: Part = async ({ isFull, report }) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const folder = folderUntilExit()
  const random = seeded(SEED)
  let rounds = 0
  let missed = 0

  /** Sends uploads that are repeated until they are stored, by any server. */
  function uploads(): Promise<unknown> {
    const round = ++rounds
    const deadline = performance.now() + TIMEOUT_MS
    return Promise.all(
      Array.from({ length: UPLOADS }, (_, n) => {
        const name = `killed-${round}-${n}`
        const client = new CarefulClient({ log, server: () => installation.addresses[0], deadline: () => deadline })
        return client.upload({ bytes: pngOf(SIZE, name), title: name, key: name })
      }),
    )
  }

  async function killAt(point: string): Promise<void> {
    const target = { point, firedFile: join(folder, `${rounds}`) }
    const armed = installation.launch('serve', { ...armedAt(target), FAIL_SIZE: `${SIZE}` })
    installation.expectExit(armed)
    await armed.ready()
    const done = uploads()
    if ((await secondsUntil(() => hasFired(target))) === undefined) missed++
    await installation.kill(armed)
    await finishWithNextServer(done)
  }

  async function killAtRandom(): Promise<void> {
    const server = await installation.start()
    const done = uploads()
    await setTimeout(random() * UPLOADING_MS)
    await installation.kill(server)
    await finishWithNextServer(done)
  }

  async function finishWithNextServer(done: Promise<unknown>): Promise<void> {
    const next = await installation.start()
    await done
    await installation.kill(next)
  }

  async function rowOf(what: string, kills: readonly (() => Promise<void>)[]): Promise<Row> {
    for (const kill of kills) await kill()
    const last = await installation.start()
    const found = await verdict(installation, log)
    await installation.kill(last)
    for (const violation of violationsIn(found)) report(violation)
    report(`${what}: ${kills.length} kills, ${log.acknowledged.length} of ${log.uploads.length} uploads acknowledged`)
    const tried = `${kills.length} kills, ${kills.length * UPLOADS} uploads`
    const open = log.uploads.length - log.acknowledged.length
    const details = missed > 0 ? `${missed} NEVER REACHED` : `${open} not acknowledged at the end`
    const isRight = missed === 0 && open === 0
    return toRow({ what, times: kills.length, tried, verdict: found, details, isRight })
  }

  const points = Array.from({ length: isFull ? 5 : 1 }, () => POINTS).flat()
  const rows = [
    await rowOf(
      `server killed (-9) between two batches and at a COMMIT during ${UPLOADS} simultaneous uploads`,
      points.map((point) => () => killAt(point)),
    ),
    await rowOf(
      `server killed (-9) at random moments during ${UPLOADS} simultaneous uploads`,
      Array.from({ length: isFull ? 30 : 4 }, () => killAtRandom),
    ),
  ]
  await installation.close()
  return rows
}
