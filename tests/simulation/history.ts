import { Client } from './client.ts'
import type { Fault, StorageKind } from './faults.ts'
import { currentProcess } from './process.ts'
import { BrokenPromise, Inspector, type PromiseName } from './promises.ts'
import { moving, scenario } from './scenario.ts'
import { type FiredAt, World } from './world.ts'

export interface History {
  readonly storage: StorageKind
  readonly effects: readonly string[]
  readonly fired: readonly FiredAt[]
  readonly broken: { readonly promise: PromiseName; readonly what: string } | undefined
  readonly trace: readonly string[]
}

const CHECK_EVERY_MS = 500
/**
 * Enough for a lease, the reaper, two discards with the time between them, and failed tries; or for those of a copy.
 */
const REST_MS = 12_000
const COPY_REST_MS = 35_000

/** Plays one world from its start until nothing is left to do, with these faults. */
export async function play(storage: StorageKind, faults: readonly Fault[], isTraced = false): Promise<History> {
  const world = new World(storage, faults, isTraced)
  const client = new Client(world)
  const inspector = new Inspector(world, client)
  const uninstall = world.clock.install(currentProcess)
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  world.clock.every(CHECK_EVERY_MS, () => void inspector.always().catch(failed.reject))
  const run = async () => {
    const [play, restMs] = storage === 'moving' ? [moving, COPY_REST_MS] : [scenario, REST_MS]
    await play(client)
    for (let restedMs = 0; restedMs < restMs && !(await isQuiet(world)); restedMs += CHECK_EVERY_MS) {
      await world.clock.sleep(CHECK_EVERY_MS)
      if (isBusy(world)) restedMs = 0
    }
    await inspector.atRest()
  }
  let broken: History['broken']
  try {
    await world.clock.passUntil(Promise.race([run(), failed.promise]))
  } catch (error) {
    broken = { promise: error instanceof BrokenPromise ? error.promise : 'R0', what: String(error) }
  } finally {
    uninstall()
  }
  const { effects, fired, trace } = world
  return { storage, effects, fired, broken, trace }
}

/** Whether a process is paused or a late effect is pending, to which others must react. */
const isBusy = ({ landing, processes, clock }: World): boolean =>
  landing > 0 || processes.some(({ alive, pausedUntil }) => alive && pausedUntil > clock.now)

/** Whether no process has anything to do. */
const isQuiet = async (world: World): Promise<boolean> =>
  !isBusy(world) && world.jobs.size === 0 && (await world.rows()).every(({ state }) => state === 'stored')
