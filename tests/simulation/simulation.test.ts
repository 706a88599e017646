import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { STORAGE_KINDS } from './faults.ts'
import { playAll } from './play-all.ts'
import { Coverage, enumerate, format, type Plan, type Point, pairOf, wasPlayed } from './points.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAIRS = 20
/** `npm run simulate` plays every point. Here a part is enough to test the simulation. */
const ONE_IN = 12

const enumeration = await enumerate()
const { points, undisturbed } = enumeration

/**
 * The broken promises of the histories and of the points of new effects that they reached, and the points that were not
 * played.
 */
async function failures(plans: readonly (Plan | Point)[]): Promise<string[]> {
  const coverage = new Coverage(enumeration)
  const failed: string[] = []
  for (let next = plans; next.length > 0; ) {
    const now = next
    const further: Point[] = []
    await playAll(now, {
      root: ROOT,
      onOutcome: (n, outcome) => {
        further.push(...coverage.pointsOf(outcome))
        const { broken } = outcome
        if (broken) failed.push(`${broken.promise} ${broken.what} (${format(outcome)})`)
        const plan = now[n]
        if (plan && 'effect' in plan && !wasPlayed(plan, outcome))
          failed.push(`not played: ${plan.storage}: ${plan.effect}: ${plan.mode} (${format(outcome)})`)
        return true
      },
    })
    next = further
  }
  return failed
}

it.each(STORAGE_KINDS)('no promise is broken without faults, with %s', (storage) => {
  expect(undisturbed[storage].broken).toBeUndefined()
})

it('no promise is broken by any fault at any one effect', { timeout: 300_000 }, async () => {
  expect(points.length).toBeGreaterThan(5000)
  expect(await failures(points.filter((_, index) => index % ONE_IN === 0))).toEqual([])
})

it('no promise is broken by a second fault during the cleanup', { timeout: 300_000 }, async () => {
  expect(await failures(Array.from({ length: PAIRS }, (_, seed) => pairOf(seed, enumeration)))).toEqual([])
})
