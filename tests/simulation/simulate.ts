import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { MODES, methodOf, STORAGE_KINDS, type StorageKind } from './faults.ts'
import { play } from './history.ts'
import { type Outcome, playAll } from './play-all.ts'
import { Coverage, type Enumeration, enumerate, format, type Plan, type Point, pairOf, wasPlayed } from './points.ts'
import { PROMISES } from './promises.ts'

const ROOT = resolve(import.meta.dirname, '../..')

const { values: options } = parseArgs({
  options: { seed: { type: 'string' }, play: { type: 'string' }, pairs: { type: 'string', default: '2000' } },
})

if (options.play !== undefined) await playAndPrint(JSON.parse(options.play))
else {
  const enumeration = await enumerate()
  if (options.seed === undefined) await simulate(Number(options.pairs), enumeration)
  else await playAndPrint(pairOf(Number(options.seed), enumeration))
}

/** Plays one history and prints its trace. */
async function playAndPrint({ storage, faults }: Plan): Promise<void> {
  const { trace, fired, broken } = await play(storage, faults, true)
  console.log(trace.join('\n'))
  console.log(format({ storage, fired }))
  console.log(broken ? `${broken.promise}, ${PROMISES[broken.promise]}: ${broken.what}` : 'no promise was broken')
  if (broken) process.exitCode = 1
}

async function simulate(pairs: number, enumeration: Enumeration): Promise<void> {
  const { points, undisturbed } = enumeration
  const coverage = new Coverage(enumeration)
  const played: Point[] = []
  let histories = 0
  let broken = 0
  let missed = 0

  /** @returns The points of the effects that were reached for the first time. */
  async function run(
    what: string,
    plans: readonly Plan[],
    how: (n: number) => string,
    onOutcome: (n: number, outcome: Outcome) => void,
  ): Promise<Point[]> {
    const found: Point[] = []
    const began = performance.now()
    let done = 0
    await playAll(plans, {
      root: ROOT,
      onOutcome: (n, outcome) => {
        if (++done % 1000 === 0) console.log(`${done} of ${plans.length} ${what}`)
        found.push(...coverage.pointsOf(outcome))
        onOutcome(n, outcome)
        if (!outcome.broken) return true
        broken++
        const { promise, what: which } = outcome.broken
        console.log(`${promise} ${which}\n   ${format(outcome)}\n   replay it with ${how(n)}`)
        return true
      },
    })
    histories += done
    console.log(`${done} ${what} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
    return found
  }

  /** Plays points until no new effect is reached. */
  async function runAll(what: string, first: readonly Point[]): Promise<void> {
    for (let next = first; next.length > 0; ) {
      const now = next
      const how = (n: number) => `--play '${JSON.stringify(now[n])}'`
      next = await run(what, now, how, (n, outcome) => {
        const point = now[n]
        if (point && wasPlayed(point, outcome)) played.push(point)
        else {
          missed++
          console.log(`NOT PLAYED ${point?.effect}: ${point?.mode}\n   ${format(outcome)}\n   replay it with ${how(n)}`)
        }
      })
    }
  }

  for (const { storage, broken: at } of Object.values(undisturbed))
    if (at) console.log(`${at.promise} ${at.what}\n   ${storage}, without faults`)
  await runAll('points', points)
  const seeds = Array.from({ length: pairs }, (_, seed) => pairOf(seed, enumeration))
  let both = 0
  const further = await run(
    'pairs',
    seeds,
    (n) => `--seed ${n}`,
    (_, { fired }) => {
      if (fired.length === 2) both++
    },
  )
  console.log(`both faults happened in ${both} of them`)
  await runAll('points of effects that pairs reached', further)
  for (const storage of STORAGE_KINDS) printTable(storage, played)
  console.log(
    `${played.length} points, ${histories} histories, ${broken} broken${missed > 0 ? `, ${missed} points not played` : ''}`,
  )
  if (broken + missed > 0 || Object.values(undisturbed).some((each) => each.broken)) process.exitCode = 1
}

/** The number of points of each effect and mode, over all tasks. */
function printTable(storage: StorageKind, all: readonly Point[]): void {
  const points = all.filter((point) => point.storage === storage)
  const rows = Map.groupBy(points, ({ effect }) => methodOf(effect))
  const modes = MODES.filter((mode) => points.some((point) => point.mode === mode))
  const cells = (cell: (mode: string) => string) => modes.map((mode) => cell(mode).padStart(mode.length)).join('  ')
  console.log(`\n${storage.padEnd(16)}  ${cells((mode) => mode)}`)
  for (const [method, ofMethod] of rows) {
    const count = (mode: string) => ofMethod.filter((point) => point.mode === mode).length
    console.log(`${method.padEnd(16)}  ${cells((mode) => String(count(mode) || '–'))}`)
  }
  console.log(`${'total'.padEnd(16)}  ${points.length}\n`)
}
