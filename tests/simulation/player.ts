import { play } from './history.ts'
import type { Outcome } from './play-all.ts'
import type { Plan } from './points.ts'

/** A process that plays the histories that its parent sends. */
process.on('message', (plan: Plan) => void playOne(plan))

async function playOne({ storage, faults }: Plan): Promise<void> {
  const { broken, fired, effects } = await play(storage, faults)
  // Histories are long and have few different effects.
  const first = new Map<string, number>()
  for (const [at, effect] of effects.entries()) if (!first.has(effect)) first.set(effect, at)
  process.send?.({ storage, broken, fired, effects: [...first] } satisfies Outcome)
}
