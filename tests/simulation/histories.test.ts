import { expect, it } from 'vitest'
import type { Mode, StorageKind } from './faults.ts'
import { play } from './history.ts'

/** The number of effects after the first fault. It covers the next uploads and the cleanup. */
const WITHIN = 60

/** Returns the broken promises if `second` happens soon after `first` happened at one of the effects of this name. */
async function brokenBy(
  storage: StorageKind,
  effect: string,
  first: Mode,
  second: Mode,
  starts = 10,
): Promise<string[]> {
  const { effects } = await play(storage, [])
  const places = effects.flatMap((name, at) => (name === effect ? [at] : []))
  expect(places, `the history has no ${effect}`).not.toEqual([])
  const broken = new Set<string>()
  for (const at of places.slice(0, starts)) {
    let both = 0
    for (let then = 0; then < WITHIN; then++) {
      const history = await play(storage, [
        { at, mode: first },
        { at: then, mode: second },
      ])
      expect(history.fired[0]).toEqual({ effect, mode: first, at })
      // Near the end of a history some second faults do not happen.
      both += history.fired.length - 1
      if (history.broken) broken.add(history.broken)
    }
    expect(both, `second faults after effect ${at}`).toBeGreaterThan(0)
  }
  return [...broken]
}

// Pairs of faults that are too rare for the random pairs of a normal run.

it('a folder that was made by a dead process is as durable as an existing one', { timeout: 120_000 }, async () => {
  expect(await brokenBy('filesystem', 'upload disk.mkdir', 'crash after', 'power cut after', 3)).toEqual([])
})

it('forgetting one attempt does not prevent the second discard of the next one', { timeout: 120_000 }, async () => {
  expect(await brokenBy('memory', 'reap media.forget', 'lands later', 'lands later')).toEqual([])
})
