import type { Outcome } from './crew.ts'
import { play } from './history.ts'
import type { Plan, Reached } from './points.ts'

/** A process that plays the histories it is sent. */
process.on('message', (plans: readonly Plan[]) => void playEach(plans))

const isFirst = ({ effect }: Reached, n: number, all: readonly Reached[]): boolean =>
  all.findIndex((each) => each.effect === effect) === n

async function playEach(plans: readonly Plan[]): Promise<void> {
  const outcomes: Outcome[] = []
  for (const { storage, faults } of plans) {
    const { broken, fired, effects } = await play(storage, faults)
    outcomes.push({ storage, broken, fired, effects: effects.map((effect, at) => ({ effect, at })).filter(isFirst) })
  }
  process.send?.(outcomes)
}
