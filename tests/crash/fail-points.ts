/**
 * Lets a server end itself, as `kill -9` would, at every point of a media's life that has a name, and looks what the next
 * process and a careful client make of it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ClientLog } from './client-log.ts'
import { type FailPoint, nameOf, POINTS, type SceneName } from './fail-points/points.ts'
import { SCENES, SIZE } from './fail-points/scenes.ts'
import { Installation, type StorageName } from './installation.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { offendersIn, toRow, type Verdict, verdict } from './verdict.ts'

/** How many points are tried at once: most of the time they wait for leases and heartbeats. */
const AT_ONCE = 4
const KILLS = 5
/** Without --full, every fourth point; which of them, the day tells. */
const SHARE = 4
const FIRES_WITHIN_MS = 45_000
const READY_WITHIN_MS = 5000
const ARM = new URL('fail-points/arm.ts', import.meta.url).href

/** One kill at one point, and what came of it. */
interface Killed {
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
  const killed: Killed[] = []
  const work = async (): Promise<void> => {
    for (let task = tasks.shift(); task; task = tasks.shift())
      killed.push(...(await killAt(task.point, task.storage, task.kills, options)))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return [...Map.groupBy(killed, ({ point }) => point.scene)].map(([scene, ofScene]) => rowOf(scene, ofScene))
}

/** How often on which storage: half and half, where both have it. */
function killsOf(point: FailPoint, isFull: boolean): Partial<Record<StorageName, number>> {
  const kills = isFull ? KILLS : 1
  if (point.on) return { [point.on]: kills }
  const [more, less] = [Math.ceil(kills / 2), Math.floor(kills / 2)]
  return POINTS.indexOf(point) % 2 === 0 ? { filesystem: more, imagekit: less } : { imagekit: more, filesystem: less }
}

/** On an installation of its own, one kill after the other. */
async function killAt(point: FailPoint, storage: StorageName, kills: number, { say }: Options): Promise<Killed[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-fail-'))
  const installation = await Installation.open(storage, point.variables)
  const log = new ClientLog()
  const killed: Killed[] = []
  for (let kill = 1; kill <= kills; kill++) {
    const fired = join(folder, `${kill}`)
    const one = await killOnce(point, installation, log, `${nameOf(point)}, ${kill}`, fired)
    killed.push(one)
    const state = one.hasFired ? 'fired' : 'NEVER FIRED'
    say(`${nameOf(point)} (${storage}, ${kill} of ${kills}): ${state}, ready again after ${one.recoveryMs} ms`)
    for (const offender of offendersIn(one.verdict)) say(offender)
  }
  await installation.close()
  await rm(folder, { recursive: true })
  return killed
}

async function killOnce(
  point: FailPoint,
  installation: Installation,
  log: ClientLog,
  name: string,
  fired: string,
): Promise<Killed> {
  const arm = () =>
    inTurn(async () => {
      const armed = installation.launch('serve', {
        FAIL_POINT: point.at,
        FAIL_FIRED: fired,
        FAIL_SIZE: `${SIZE}`,
        NODE_OPTIONS: `--import=${ARM}`,
      })
      if (!point.survives) installation.mayEnd(armed)
      await armed.ready()
      return armed
    })
  const { armed, done } = await SCENES[point.scene]({ installation, log, name, arm })
  // Heard below, when another process is ready.
  done.catch(() => undefined)
  const hasWord = async () => (await readFile(fired, 'utf8').catch(() => '')) === point.at
  const isDead = () => armed.child.signalCode === 'SIGKILL'
  for (const until = performance.now() + FIRES_WITHIN_MS; performance.now() < until; await setTimeout(5))
    if ((await hasWord()) && (point.survives || isDead())) break
  const hasFired = (await hasWord()) && isDead() === !point.survives

  const { next, recoveryMs } = await inTurn(async () => {
    const began = performance.now()
    const next = point.survives ? armed : await installation.start()
    return { next, recoveryMs: Math.round(performance.now() - began) }
  })
  await done
  const found = await verdict(installation, log)
  await Promise.all([armed, next].map((each) => installation.kill(each)))
  return { point, hasFired, recoveryMs, verdict: found }
}

let turn: Promise<unknown> = Promise.resolve()

/** One after the other, so that a start is measured and not how many there are at once. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

const SCENE_NAMES: Readonly<Record<SceneName, string>> = {
  upload: 'an upload and the jobs that follow it',
  'second try': 'a second try at an upload whose first server died',
  'left upload': 'the clearing away of an upload that nobody ends',
  change: 'a change of the title',
  deletion: 'a deletion and all that it takes with it',
}

function rowOf(scene: SceneName, killed: readonly Killed[]): Row {
  const points = new Set(killed.map(({ point }) => point)).size
  const slowest = Math.max(...killed.map(({ recoveryMs }) => recoveryMs))
  const silent = killed.filter(({ hasFired }) => !hasFired).length
  const all = (kind: keyof Verdict): string[] => killed.flatMap(({ verdict }) => verdict[kind])
  return toRow({
    what: `server killed (-9) at named points of ${SCENE_NAMES[scene]}`,
    times: killed.length,
    tried: `${points} points, ${killed.length} kills`,
    verdict: { lost: all('lost'), doubled: all('doubled'), orphaned: all('orphaned'), wonders: all('wonders') },
    also: `${silent === 0 ? 'all fired' : `${silent} NEVER FIRED`}, ready again after ${(slowest / 1000).toFixed(1)} s at most`,
    isRight: silent === 0 && slowest <= READY_WITHIN_MS,
  })
}

if (import.meta.main) await runAlone(failPoints)
