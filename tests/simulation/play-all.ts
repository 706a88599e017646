import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { History } from './history.ts'
import { type Plan, pointsAfter, type Undisturbed, wasPlayed } from './points.ts'

/** The result of one history. */
export interface Outcome extends Omit<History, 'effects'> {
  /** Every effect of the history once, and the number of its first occurrence, counted from 0. */
  readonly effects: readonly (readonly [effect: string, at: number])[]
}

export interface PlayOptions {
  readonly log?: (line: string) => void
  /** Ends after this number of histories that break a promise. */
  readonly enough?: number
}

export interface Tally {
  histories: number
  /** The points that were played. */
  readonly points: Omit<Outcome, 'effects'>[]
  /** The number of pairs of which both faults happened. */
  pairs: number
  /** The histories that broke a promise, and the points that were not played, as text. */
  readonly broken: string[]
  readonly missed: string[]
}

/** Each history is garbage when it has ended. A large young generation from the start saves a fifth of the time. */
const YOUNG = ['--min-semi-space-size=64', '--max-semi-space-size=64']

/** Plays all histories on every core, and then the points of the effects that only these histories have reached. */
export async function playAll(
  plans: readonly Plan[],
  undisturbed: Undisturbed,
  { log = () => {}, enough = Number.POSITIVE_INFINITY }: PlayOptions = {},
): Promise<Tally> {
  const tally: Tally = { histories: 0, points: [], pairs: 0, broken: [], missed: [] }
  const queue = [...plans]
  let next = 0
  const reached = new Set(undisturbed.flatMap(({ storage, effects }) => effects.map((each) => `${storage}: ${each}`)))

  const count = (plan: Plan, outcome: Outcome): void => {
    if (++tally.histories % 1000 === 0) log(`${tally.histories} of ${queue.length} histories`)
    const { storage, broken, fired } = outcome
    const isPlayed = wasPlayed(plan, outcome)
    const what = `${format(outcome)}\n   replay it with --play '${JSON.stringify(plan)}'`
    if (broken !== undefined) tally.broken.push(what)
    if (plan.effect === undefined) tally.pairs += Number(isPlayed)
    else if (isPlayed) tally.points.push({ storage, broken, fired })
    else tally.missed.push(`${plan.effect} was not played: ${what}`)
    if (broken !== undefined || (plan.effect !== undefined && !isPlayed)) log(what)
    for (const [effect, at] of outcome.effects) {
      if (reached.has(`${storage}: ${effect}`)) continue
      reached.add(`${storage}: ${effect}`)
      queue.push(...pointsAfter(outcome, effect, at))
    }
  }
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const player = fork(join(import.meta.dirname, 'player.ts'), { execArgv: YOUNG })
      const playNext = (): void => {
        const plan = tally.broken.length < enough ? queue[next++] : undefined
        if (!plan) return player.disconnect()
        player.send(plan)
        player.once('message', (outcome: Outcome) => {
          count(plan, outcome)
          playNext()
        })
      }
      player.on('error', reject)
      player.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`A player exited with ${code}.`))))
      playNext()
    })
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), plans.length) }, work))
  return tally
}

/** The faults that happened and the broken promise, as text. */
export function format({ storage, fired, broken }: Omit<History, 'effects'>): string {
  const faults = fired.map(({ effect, mode }) => `${effect}: ${mode}`).join(', then ') || 'no fault'
  return `${storage}: ${faults}\n   ${broken ?? 'no promise was broken'}`
}
