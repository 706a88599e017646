import { boot } from './boot.ts'
import { Client } from './client.ts'
import type { Fault, FiredFault, StorageKind } from './faults.ts'
import { Inspector } from './inspector.ts'
import { currentProcess } from './process.ts'
import { moving, scenario } from './scenario.ts'
import { World } from './world.ts'

export interface History {
  readonly storage: StorageKind
  readonly effects: readonly string[]
  readonly fired: readonly FiredFault[]
  /** The first broken promise, or the error of a bug. */
  readonly broken: string | undefined
}

const CHECK_EVERY_MS = 500
/** Enough for a lease, the reaper, two discards with the time between them, and failed tries; or for those of a copy. */
const REST_MS = 12_000
const COPY_REST_MS = 35_000

/**
 * Plays one world from its start until nothing is left to do, with these faults.
 * @param log Receives a line for each effect.
 */
export async function play(
  storage: StorageKind,
  faults: readonly Fault[],
  log?: (line: string) => void,
): Promise<History> {
  const world = new World(storage, faults, boot, log)
  const client = new Client(world)
  const inspector = new Inspector(world, client)
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
  let broken: string | undefined
  try {
    await world.clock.pass(() => Promise.race([run(), failed.promise]), currentProcess)
  } catch (error) {
    broken = String(error)
  }
  return { storage, effects: world.effects, fired: world.fired, broken }
}

/** Whether a process is paused or a late effect is pending, to which others must react. */
const isBusy = ({ landing, processes }: World): boolean =>
  landing > 0 || processes.some(({ alive, answers }) => alive && !answers)

/** Whether no process has anything to do. */
const isQuiet = async (world: World): Promise<boolean> =>
  !isBusy(world) && world.jobs.size === 0 && (await world.rows()).every(({ state }) => state === 'stored')
