import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Outcome, playAll } from './crew.ts'
import { MODES, methodOf, STORAGE_KINDS, type StorageKind } from './faults.ts'
import { play } from './history.ts'
import { Coverage, type Enumeration, enumerate, type Plan, type Point, pairOf, told, wasPlayed } from './points.ts'
import { PROMISES } from './promises.ts'

const ROOT = resolve(import.meta.dirname, '../..')

const { values: options } = parseArgs({
  options: { seed: { type: 'string' }, play: { type: 'string' }, pairs: { type: 'string', default: '2000' } },
})

if (options.play !== undefined) await tell(JSON.parse(options.play))
else {
  const enumeration = await enumerate()
  if (options.seed === undefined) await simulate(Number(options.pairs), enumeration)
  else await tell(pairOf(Number(options.seed), enumeration))
}

/** Plays one history and prints it. */
async function tell({ storage, faults }: Plan): Promise<void> {
  const { trace, fired, broken } = await play(storage, faults, true)
  console.log(trace.join('\n'))
  console.log(told({ storage, fired }))
  console.log(broken ? `${broken.promise}, ${PROMISES[broken.promise]}: ${broken.what}` : 'every promise was kept')
  if (broken) process.exitCode = 1
}

async function simulate(pairs: number, enumeration: Enumeration): Promise<void> {
  const { points, undisturbed } = enumeration
  const coverage = new Coverage(enumeration)
  const played: Point[] = []
  let histories = 0
  let broken = 0
  let missed = 0

  /** @returns the points of the effects that were reached for the first time. */
  async function run(
    what: string,
    plans: readonly Plan[],
    how: (n: number) => string,
    look: (n: number, outcome: Outcome) => void,
  ): Promise<Point[]> {
    const found: Point[] = []
    const began = performance.now()
    let done = 0
    await playAll(plans, {
      root: ROOT,
      onOutcome: (n, outcome) => {
        if (++done % 1000 === 0) console.log(`${done} of ${plans.length} ${what}`)
        found.push(...coverage.pointsOf(outcome))
        look(n, outcome)
        if (!outcome.broken) return true
        broken++
        const { promise, what: which } = outcome.broken
        console.log(`${promise} ${which}\n   ${told(outcome)}\n   see it with ${how(n)}`)
        return true
      },
    })
    histories += done
    console.log(`${done} ${what} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
    return found
  }

  /** Until every effect that was reached has had its points. */
  async function runAll(what: string, first: readonly Point[]): Promise<void> {
    for (let next = first; next.length > 0; ) {
      const now = next
      const how = (n: number) => `--play '${JSON.stringify(now[n])}'`
      next = await run(what, now, how, (n, outcome) => {
        const point = now[n]
        if (point && wasPlayed(point, outcome)) played.push(point)
        else {
          missed++
          console.log(`NOT PLAYED ${point?.effect}: ${point?.mode}\n   ${told(outcome)}\n   see it with ${how(n)}`)
        }
      })
    }
  }

  for (const { storage, broken: at } of Object.values(undisturbed))
    if (at) console.log(`${at.promise} ${at.what}\n   ${storage}, without any fault`)
  await runAll('points', points)
  const seeds = Array.from({ length: pairs }, (_, seed) => pairOf(seed, enumeration))
  let both = 0
  const behind = await run(
    'pairs',
    seeds,
    (n) => `--seed ${n}`,
    (_, { fired }) => {
      if (fired.length === 2) both++
    },
  )
  console.log(`in ${both} of them both faults happened`)
  await runAll('points that pairs led to', behind)
  for (const storage of STORAGE_KINDS) printTable(storage, played)
  console.log(
    `${played.length} points, ${histories} histories, ${broken} broken${missed > 0 ? `, ${missed} points not played` : ''}`,
  )
  if (broken + missed > 0 || Object.values(undisturbed).some((each) => each.broken)) process.exitCode = 1
}

/** How many points there are of each effect, whoever has it, and mode. */
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
  console.log(`${'in all'.padEnd(16)}  ${points.length}\n`)
}
