import { play } from './history.ts'
import type { Outcome } from './play-all.ts'
import type { Plan, Reached } from './points.ts'

/** A process that plays the histories that its parent sends. */
process.on('message', (plans: readonly Plan[]) => void playEach(plans))

/** Histories are long and have few different effects, so the first of each is found in one pass. */
function firstOfEach(effects: readonly string[]): Reached[] {
  const first = new Map<string, number>()
  for (const [at, effect] of effects.entries()) if (!first.has(effect)) first.set(effect, at)
  return [...first].map(([effect, at]) => ({ effect, at }))
}

async function playEach(plans: readonly Plan[]): Promise<void> {
  const outcomes: Outcome[] = []
  for (const { storage, faults } of plans) {
    const { broken, fired, effects } = await play(storage, faults)
    outcomes.push({ storage, broken, fired, effects: firstOfEach(effects) })
  }
  process.send?.(outcomes)
}
