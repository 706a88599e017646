import { expect, it } from 'vitest'
import type { Mode, StorageKind } from './faults.ts'
import { play } from './history.ts'

/** After the first, in effects: long enough for the next uploads and for what cleans up. */
const WITHIN = 60

/** What breaks when `second` happens somewhere soon after `first` happened at one of the effects of this name. */
async function brokenBy(
  storage: StorageKind,
  effect: string,
  first: Mode,
  second: Mode,
  starts = 10,
): Promise<string[]> {
  const { effects } = await play(storage, [])
  const places = effects.flatMap((name, at) => (name === effect ? [at] : []))
  expect(places, `there is no ${effect}`).not.toEqual([])
  const broken = new Set<string>()
  for (const at of places.slice(0, starts)) {
    let both = 0
    for (let then = 0; then < WITHIN; then++) {
      const history = await play(storage, [
        { at, mode: first },
        { at: then, mode: second },
      ])
      expect(history.fired[0]).toEqual({ effect, mode: first, at })
      // Towards the end of a history not every second fault has its time.
      both += history.fired.length - 1
      if (history.broken) broken.add(`${history.broken.promise} ${history.broken.what}`)
    }
    expect(both, `what happened after effect ${at}`).toBeGreaterThan(0)
  }
  return [...broken]
}

// Pairs of faults that are too rare to be met by chance in a normal run.

it('a folder made by a process that died is as durable as one that was there', { timeout: 120_000 }, async () => {
  expect(await brokenBy('filesystem', 'upload disk.mkdir', 'crash after', 'power cut after', 3)).toEqual([])
})

it('forgetting one attempt leaves the next one its second discard', { timeout: 120_000 }, async () => {
  expect(await brokenBy('memory', 'reap media.forget', 'lands later', 'lands later')).toEqual([])
})
