import { expect, it } from 'vitest'
import { playAll } from './play-all.ts'
import { pairsOf, playUndisturbed, pointsOf } from './points.ts'
import { VirtualClock } from './virtual-clock.ts'

const PAIRS = 20
/** `npm run simulate` plays every point. Here a part is enough to test the simulation. */
const ONE_IN = 12

const undisturbed = await playUndisturbed()

it.each(undisturbed)('no promise is broken without faults, with $storage', ({ broken }) => {
  expect(broken).toBeUndefined()
})

it('a broken promise ends the history', async () => {
  const clock = new VirtualClock()
  const history = async () => {
    await clock.sleep(1)
    throw new Error('a broken promise')
  }
  await expect(clock.pass(history, () => undefined)).rejects.toThrow('a broken promise')
})

it('no promise is broken by any fault at any one effect', { timeout: 300_000 }, async () => {
  const points = pointsOf(undisturbed)
  expect(points.length).toBeGreaterThan(5000)
  const part = points.filter((_, index) => index % ONE_IN === 0)
  const { broken, missed, points: played } = await playAll(part, undisturbed)
  expect([...broken, ...missed]).toEqual([])
  expect(played.length).toBeGreaterThanOrEqual(part.length)
})

it('no promise is broken by a second fault during the cleanup', { timeout: 300_000 }, async () => {
  const { broken, missed, pairs } = await playAll(pairsOf(PAIRS, undisturbed), undisturbed)
  expect([...broken, ...missed]).toEqual([])
  expect(pairs).toBeGreaterThan(PAIRS / 2)
})
