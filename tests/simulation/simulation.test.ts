import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { type Outcome, playAll } from './crew.ts'
import { STORAGE_KINDS } from './faults.ts'
import { enumerate, type Plan, pairOf } from './points.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAIRS = 20
/** `npm run simulate` plays every point, here a part is enough to see that it still works. */
const ONE_IN = 12

const enumeration = await enumerate()
const { points, undisturbed } = enumeration

/** What went wrong in which histories, and which effects no point covers. */
async function failures(plans: readonly Plan[]) {
  const broken: string[] = []
  const effects = new Set<string>()
  const onOutcome = (_: number, { storage, ...outcome }: Outcome): boolean => {
    const faults = outcome.fired.map(({ effect, mode }) => `${effect}: ${mode}`).join('; then ')
    if (outcome.broken) broken.push(`${outcome.broken.promise} ${outcome.broken.what} (${storage}, ${faults})`)
    for (const effect of outcome.effects) effects.add(`${storage}: ${effect}`)
    return true
  }
  await playAll(plans, { root: ROOT, onOutcome })
  for (const { storage, effects: listed } of Object.values(undisturbed))
    for (const effect of listed) effects.delete(`${storage}: ${effect}`)
  return { broken, uncovered: [...effects] }
}

const nothing = { broken: [], uncovered: [] }

it.each(STORAGE_KINDS)('every promise is kept with nothing in the way, on %s', (storage) => {
  expect(undisturbed[storage].broken).toBeUndefined()
})

it('every promise is kept whatever goes wrong at any one effect', { timeout: 300_000 }, async () => {
  expect(points.length).toBeGreaterThan(5000)
  const part = points.filter((_, index) => index % ONE_IN === 0)
  expect(await failures(part)).toEqual(nothing)
})

it('every promise is kept when something else goes wrong while others clean up', { timeout: 300_000 }, async () => {
  const pairs = Array.from({ length: PAIRS }, (_, seed) => pairOf(seed, enumeration))
  expect(await failures(pairs)).toEqual(nothing)
})
