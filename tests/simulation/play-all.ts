import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { History } from './history.ts'
import type { Plan, Reached } from './points.ts'

/** The result of one history. */
export interface Outcome extends Pick<History, 'storage' | 'broken' | 'fired'> {
  /** Every effect of the history, once. */
  readonly effects: readonly Reached[]
}

export interface PlayOptions {
  /** The folder of the code that plays them. */
  readonly root: string
  /** Returns false to stop early. */
  readonly onOutcome: (n: number, outcome: Outcome) => boolean
}

const AT_ONCE = 20
/** Each history is garbage when it has ended. A large young generation from the start saves a fifth of the time. */
const YOUNG = ['--min-semi-space-size=64', '--max-semi-space-size=64']

/** Plays all histories on every core. */
export async function playAll(plans: readonly Plan[], { root, onOutcome }: PlayOptions): Promise<void> {
  let next = 0
  let isOver = false
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const player = fork(join(root, 'tests/simulation/player.ts'), { execArgv: YOUNG })
      let from = 0
      const give = (): void => {
        from = next
        next = Math.min(plans.length, next + AT_ONCE)
        if (!isOver && from < next) player.send(plans.slice(from, next))
        else player.disconnect()
      }
      player.on('error', reject)
      player.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`A player exited with ${code}.`))))
      player.on('message', (outcomes: Outcome[]) => {
        for (const [n, outcome] of outcomes.entries()) if (!isOver && !onOutcome(from + n, outcome)) isOver = true
        give()
      })
      give()
    })
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), plans.length) }, work))
}
