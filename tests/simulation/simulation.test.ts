import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { playAll } from './crew.ts'
import { STORAGE_KINDS } from './faults.ts'
import { Coverage, enumerate, type Plan, type Point, pairOf, told, wasPlayed } from './points.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAIRS = 20
/** `npm run simulate` plays every point, here a part is enough to see that it still works. */
const ONE_IN = 12

const enumeration = await enumerate()
const { points, undisturbed } = enumeration

/** What went wrong in which histories, those of effects that they led to included; points that were not played, too. */
async function failures(plans: readonly (Plan | Point)[]): Promise<string[]> {
  const coverage = new Coverage(enumeration)
  const failed: string[] = []
  for (let next = plans; next.length > 0; ) {
    const now = next
    const behind: Point[] = []
    await playAll(now, {
      root: ROOT,
      onOutcome: (n, outcome) => {
        behind.push(...coverage.pointsOf(outcome))
        const { broken } = outcome
        if (broken) failed.push(`${broken.promise} ${broken.what} (${told(outcome)})`)
        const plan = now[n]
        if (plan && 'effect' in plan && !wasPlayed(plan, outcome))
          failed.push(`not played: ${plan.storage}: ${plan.effect}: ${plan.mode} (${told(outcome)})`)
        return true
      },
    })
    next = behind
  }
  return failed
}

it.each(STORAGE_KINDS)('every promise is kept with nothing in the way, on %s', (storage) => {
  expect(undisturbed[storage].broken).toBeUndefined()
})

it('every promise is kept whatever goes wrong at any one effect', { timeout: 300_000 }, async () => {
  expect(points.length).toBeGreaterThan(5000)
  expect(await failures(points.filter((_, index) => index % ONE_IN === 0))).toEqual([])
})

it('every promise is kept when something else goes wrong while others clean up', { timeout: 300_000 }, async () => {
  expect(await failures(Array.from({ length: PAIRS }, (_, seed) => pairOf(seed, enumeration)))).toEqual([])
})
