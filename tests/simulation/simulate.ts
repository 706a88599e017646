import { parseArgs } from 'node:util'
import { type Mode, methodOf } from './faults.ts'
import { play } from './history.ts'
import { format, playAll, type Tally } from './play-all.ts'
import { type Plan, pairsOf, playUndisturbed, pointsOf } from './points.ts'

const { values: options } = parseArgs({
  options: { play: { type: 'string' }, pairs: { type: 'string', default: '2000' } },
})
const isKept =
  options.play === undefined ? await simulate(Number(options.pairs)) : await playAndPrint(JSON.parse(options.play))
if (!isKept) process.exitCode = 1

/** Plays one history and prints each of its effects. */
async function playAndPrint({ storage, faults }: Plan): Promise<boolean> {
  const history = await play(storage, faults, console.log)
  console.log(format(history))
  return history.broken === undefined
}

/** Plays every point and pairs of faults. */
async function simulate(pairs: number): Promise<boolean> {
  const undisturbed = await playUndisturbed()
  const failed = undisturbed.filter(({ broken }) => broken !== undefined)
  for (const history of failed) console.log(format(history))
  const plans = [...pointsOf(undisturbed), ...pairsOf(pairs, undisturbed)]
  const { points, missed, histories, broken, ...tally } = await playAll(plans, undisturbed, { log: console.log })
  for (const [storage, ofStorage] of Map.groupBy(points, (outcome) => outcome.storage)) {
    console.log(`\n${storage}: ${ofStorage.length} points`)
    console.table(countsOf(ofStorage))
  }
  console.log(`both faults of ${tally.pairs} of ${pairs} pairs happened`)
  console.log(`${points.length} points, ${histories} histories, ${broken.length} broken, ${missed.length} not played`)
  return failed.length + broken.length + missed.length === 0
}

/** The number of points by method and mode, over all tasks. */
function countsOf(points: Tally['points']): object {
  const counts: Record<string, Partial<Record<Mode, number>>> = {}
  for (const { effect, mode } of points.flatMap(({ fired }) => fired.slice(-1))) {
    const row = (counts[methodOf(effect)] ??= {})
    row[mode] = (row[mode] ?? 0) + 1
  }
  return counts
}
