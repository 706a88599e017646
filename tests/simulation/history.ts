import { Client } from './client.ts'
import type { Fault, StorageKind } from './faults.ts'
import { running } from './process.ts'
import { Broken, Inspector, type PromiseName } from './promises.ts'
import { moving, scenario } from './scenario.ts'
import { type FiredAt, World } from './world.ts'

export interface History {
  readonly storage: StorageKind
  readonly effects: readonly string[]
  readonly fired: readonly FiredAt[]
  readonly broken: { readonly promise: PromiseName; readonly what: string } | undefined
  readonly trace: readonly string[]
}

const LOOK_EVERY = 500
/** Time enough for a lease, the reaper, two discards with what lies between them, and tries that failed; or for a copy's. */
const REST = 12_000
const REST_OF_COPIES = 35_000

/** One world from its beginning to its rest, in which these faults happen. */
export async function play(storage: StorageKind, faults: readonly Fault[], isTraced = false): Promise<History> {
  const world = new World(storage, faults, isTraced)
  const client = new Client(world)
  const inspector = new Inspector(world, client)
  const uninstall = world.clock.install(running)
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  world.clock.every(LOOK_EVERY, () => void inspector.always().catch(failed.reject))
  const live = async () => {
    const [life, rest] = storage === 'moving' ? [moving, REST_OF_COPIES] : [scenario, REST]
    await life(client)
    for (let rested = 0; rested < rest && !(await isQuiet(world)); rested += LOOK_EVERY) {
      await world.clock.sleep(LOOK_EVERY)
      if (isBusy(world)) rested = 0
    }
    await inspector.atRest()
  }
  let broken: History['broken']
  try {
    await world.clock.passUntil(Promise.race([live(), failed.promise]))
  } catch (error) {
    broken = { promise: error instanceof Broken ? error.promise : 'R0', what: String(error) }
  } finally {
    uninstall()
  }
  const { effects, fired, trace } = world
  return { storage, effects, fired, broken, trace }
}

/** Somebody will yet wake up, or something land, to which the others have to react. */
const isBusy = ({ landing, processes, clock }: World): boolean =>
  landing > 0 || processes.some(({ alive, pausedUntil }) => alive && pausedUntil > clock.now)

/** Nothing is left to do for anybody. */
const isQuiet = async (world: World): Promise<boolean> =>
  !isBusy(world) && world.jobs.size === 0 && (await world.rows()).every(({ state }) => state === 'stored')
