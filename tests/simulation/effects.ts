import { type Effect, isRead, LOST } from './faults.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** In ms. Other processes clean up for the first time within a lease and a cycle, and for the second time 3 s later. */
const PAUSE_MS = 4_000
export const LONG_PAUSE_MS = 12_000
const LANDING_DELAY_MS = 2_000

/** The effects of a process. Every effect on the world passes through here, so that it can be made to fail. */
export function effectsOf(process: Process, world: World): Effect {
  return async (method, run, failure = () => LOST, torn) => {
    await (process.answers || process.untilRunning())
    const mode = world.arrive(`${process.task} ${method}`, process)
    const fault = world.fired.at(-1)
    const start = async () => run()
    const settle = () => Promise.allSettled([start()])
    const answer = async (pause?: () => Promise<void>) => {
      try {
        return await run(pause)
      } finally {
        await (process.answers || process.untilRunning())
      }
    }
    const pause = () => world.pause(process, mode === 'very late' ? LONG_PAUSE_MS : PAUSE_MS)
    switch (mode) {
      case undefined:
        return answer()
      case 'refused':
      case 'rolled back':
        throw failure(mode)
      case 'answer lost':
        await settle()
        throw failure(mode)
      case 'lands later':
        world.landing++
        world.clock.at(LANDING_DELAY_MS, () => {
          world.note(process.name, `${method} takes effect`)
          world.landing--
          void settle()
        })
        throw failure(mode)
      case 'late':
      case 'very late':
        // The answer of a read is old when it is used.
        if (isRead(method)) {
          const [answer] = await settle()
          await pause()
          if (answer.status === 'rejected') throw answer.reason
          return answer.value
        }
        await pause()
        return answer()
      case 'late, cache lost':
        await pause()
        world.loseTitles()
        return answer()
      case 'late, holding locks':
        return answer(pause)
      case 'crash before':
        break
      case 'torn':
        torn?.()
        break
      case 'crash after':
        await settle()
        break
      case 'late, then dead':
        await pause()
        await settle()
        break
      case 'power cut before':
        world.cutPower()
        break
      case 'power cut after':
        await settle()
        world.cutPower()
    }
    if (fault) world.disturbances.push(fault)
    if (process.alive) world.kill(process)
    return new Promise(() => {})
  }
}
