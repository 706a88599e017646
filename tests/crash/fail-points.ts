/**
 * Makes a server kill itself (SIGKILL) at each named point of the life of a media item, and checks what the next
 * process and a careful client make of it.
 */
import { join } from 'node:path'
import { folderUntilExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { type FailPoint, nameOf, POINTS, type SceneName } from './fail-points/points.ts'
import { SCENES, SIZE } from './fail-points/scenes.ts'
import { secondsUntil } from './faults.ts'
import { Installation, type StorageName } from './installation.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { toRow, type Verdict, verdict, violationsIn } from './verdict.ts'

/** The number of points that are tried at the same time. Most of the time they wait for leases and heartbeats. */
const AT_ONCE = 4
const KILLS = 5
/** A short run tries every fourth point. The date decides which. */
const SHARE = 4
const FIRES_WITHIN_MS = 45_000
const READY_WITHIN_MS = 5000

/** The result of one kill at one point. */
interface KillResult {
  readonly point: FailPoint
  readonly hasFired: boolean
  readonly recoveryMs: number
  readonly verdict: Verdict
}

export const failPoints: Part = async (options) => {
  const today = Math.floor(Date.now() / 86_400_000)
  const points = options.isFull ? POINTS : POINTS.filter((_, n) => n % SHARE === today % SHARE)
  const tasks = points.flatMap((point) =>
    Object.entries(killsOf(point, options.isFull)).flatMap(([storage, kills]) =>
      kills > 0 ? [{ point, storage: storage as StorageName, kills }] : [],
    ),
  )
  const results: KillResult[] = []
  const work = async (): Promise<void> => {
    for (let task = tasks.shift(); task; task = tasks.shift())
      results.push(...(await killAt(task.point, task.storage, task.kills, options)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return [...Map.groupBy(results, ({ point }) => point.scene)].map(([scene, ofScene]) => rowOf(scene, ofScene))
}

/** The number of kills on each storage: half of them each, if the point exists on both. */
function killsOf(point: FailPoint, isFull: boolean): Partial<Record<StorageName, number>> {
  const kills = isFull ? KILLS : 1
  if (point.on) return { [point.on]: kills }
  const [more, less] = [Math.ceil(kills / 2), Math.floor(kills / 2)]
  return POINTS.indexOf(point) % 2 === 0 ? { filesystem: more, imagekit: less } : { imagekit: more, filesystem: less }
}

/** Tries one point on its own installation, one kill after the other. */
async function killAt(
  point: FailPoint,
  storage: StorageName,
  kills: number,
  { report }: PartOptions,
): Promise<KillResult[]> {
  const folder = folderUntilExit()
  const installation = await Installation.open(storage, point.variables)
  const log = new ClientLog()
  const results: KillResult[] = []
  for (let kill = 1; kill <= kills; kill++) {
    const result = await killOnce(point, installation, log, `${nameOf(point)}, ${kill}`, join(folder, `${kill}`))
    results.push(result)
    const state = result.hasFired ? 'reached' : 'NEVER REACHED'
    report(`${nameOf(point)} (${storage}, ${kill} of ${kills}): ${state}, ready again after ${result.recoveryMs} ms`)
    for (const violation of violationsIn(result.verdict)) report(violation)
  }
  await installation.close()
  return results
}

async function killOnce(
  point: FailPoint,
  installation: Installation,
  log: ClientLog,
  name: string,
  firedFile: string,
): Promise<KillResult> {
  const target = { point: point.at, firedFile }
  const arm = () =>
    inTurn(async () => {
      const armed = installation.launch('serve', { ...armedAt(target), FAIL_SIZE: `${SIZE}` })
      if (!point.survives) installation.expectExit(armed)
      await armed.ready()
      return armed
    })
  const { armed, done } = await SCENES[point.scene]({ installation, log, name, arm })
  // Awaited below, when another process is ready.
  done.catch(() => undefined)
  const isDead = () => armed.child.signalCode === 'SIGKILL'
  await secondsUntil(async () => (await hasFired(target)) && (point.survives || isDead()), FIRES_WITHIN_MS)
  const isReached = (await hasFired(target)) && isDead() === !point.survives

  const { next, recoveryMs } = await inTurn(async () => {
    const start = performance.now()
    const next = point.survives ? armed : await installation.start()
    return { next, recoveryMs: Math.round(performance.now() - start) }
  })
  await done
  const found = await verdict(installation, log)
  await Promise.all([armed, next].map((each) => installation.kill(each)))
  return { point, hasFired: isReached, recoveryMs, verdict: found }
}

let turn: Promise<unknown> = Promise.resolve()

/** Starts processes one after the other, so that their number does not affect the measured time. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

const SCENE_NAMES: Readonly<Record<SceneName, string>> = {
  upload: 'an upload and the jobs that follow it',
  retry: 'a retry of an upload whose first server died',
  'abandoned upload': 'the cleanup of an upload that is never completed',
  change: 'a change of the title',
  deletion: 'a deletion and its cleanup',
}

function rowOf(scene: SceneName, killed: readonly KillResult[]): Row {
  const points = new Set(killed.map(({ point }) => point)).size
  const slowest = Math.max(...killed.map(({ recoveryMs }) => recoveryMs))
  const missed = killed.filter(({ hasFired }) => !hasFired).length
  const all = (kind: keyof Verdict): string[] => killed.flatMap(({ verdict }) => verdict[kind])
  return toRow({
    what: `server killed (-9) at named points of ${SCENE_NAMES[scene]}`,
    times: killed.length,
    tried: `${points} points, ${killed.length} kills`,
    verdict: { lost: all('lost'), doubled: all('doubled'), orphaned: all('orphaned'), unexpected: all('unexpected') },
    details: `${missed === 0 ? 'all reached' : `${missed} NEVER REACHED`}, ready again after at most ${(slowest / 1000).toFixed(1)} s`,
    isRight: missed === 0 && slowest <= READY_WITHIN_MS,
  })
}
