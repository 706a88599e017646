import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Outcome, playAll } from './crew.ts'
import { MODES, methodOf, STORAGE_KINDS, type StorageKind } from './faults.ts'
import { play } from './history.ts'
import { type Enumeration, enumerate, type Plan, type Point, pairOf } from './points.ts'
import { PROMISES } from './promises.ts'

const ROOT = resolve(import.meta.dirname, '../..')

const { values: options } = parseArgs({
  options: { seed: { type: 'string' }, point: { type: 'string' }, pairs: { type: 'string', default: '2000' } },
})

const enumeration = await enumerate()
if (options.seed !== undefined) await tell(pairOf(Number(options.seed), enumeration))
else if (options.point !== undefined) await tell(pointAt(Number(options.point), enumeration))
else await simulate(Number(options.pairs), enumeration)

/** Plays one history and prints it. */
async function tell({ storage, faults }: Plan): Promise<void> {
  const { trace, fired, broken } = await play(storage, faults, true)
  console.log(trace.join('\n'))
  for (const { effect, mode } of fired) console.log(`${storage}: ${effect}: ${mode}`)
  console.log(broken ? `${broken.promise}, ${PROMISES[broken.promise]}: ${broken.what}` : 'every promise was kept')
  if (broken) process.exitCode = 1
}

async function simulate(pairs: number, { points, undisturbed }: Enumeration): Promise<void> {
  let broken = 0
  const unlisted = new Set<string>()
  const listed = new Set(
    STORAGE_KINDS.flatMap((kind) => undisturbed[kind].effects.map((effect) => `${kind}: ${effect}`)),
  )
  const note = (outcome: Outcome, how: string): boolean => {
    for (const effect of outcome.effects)
      if (!listed.has(`${outcome.storage}: ${effect}`)) unlisted.add(`${outcome.storage}: ${effect}`)
    if (!outcome.broken) return true
    broken++
    const faults = outcome.fired.map(({ effect, mode }) => `${effect}: ${mode}`).join('; then ')
    console.log(
      `${outcome.broken.promise} ${outcome.broken.what}\n   ${outcome.storage}: ${faults}\n   see it with ${how}`,
    )
    return true
  }
  const run = async (what: string, plans: readonly Plan[], how: (n: number) => string): Promise<void> => {
    const began = performance.now()
    let done = 0
    await playAll(plans, {
      root: ROOT,
      onOutcome: (n, outcome) => {
        if (++done % 1000 === 0) console.log(`${done} of ${plans.length} ${what}`)
        return note(outcome, how(n))
      },
    })
    console.log(`${done} ${what} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }

  for (const { storage, broken: at } of Object.values(undisturbed))
    if (at) console.log(`${at.promise} ${at.what}\n   ${storage}, without any fault`)
  for (const storage of STORAGE_KINDS) printTable(storage, points)
  await run('points', points, (n) => `--point ${n}`)
  const seeds = Array.from({ length: pairs }, (_, seed) => pairOf(seed, { points, undisturbed }))
  await run('pairs', seeds, (n) => `--seed ${n}`)
  for (const effect of unlisted) console.log(`no point covers the effect: ${effect}`)
  console.log(`${points.length} points, ${points.length + pairs} histories, ${broken} broken`)
  if (broken + unlisted.size > 0 || Object.values(undisturbed).some((each) => each.broken)) process.exitCode = 1
}

function pointAt(n: number, { points }: Enumeration): Point {
  const point = points[n]
  if (!point) throw new Error(`there are ${points.length} points`)
  return point
}

/** How many points there are of each effect, whoever has it, and mode. */
function printTable(storage: StorageKind, all: readonly Point[]): void {
  const points = all.filter((point) => point.storage === storage)
  const rows = Map.groupBy(points, ({ effect }) => methodOf(effect))
  const modes = MODES.filter((mode) => points.some((point) => point.mode === mode))
  const cells = (cell: (mode: string) => string) => modes.map((mode) => cell(mode).padStart(mode.length)).join('  ')
  console.log(`\n${storage.padEnd(14)}  ${cells((mode) => mode)}`)
  for (const [method, ofMethod] of rows) {
    const count = (mode: string) => ofMethod.filter((point) => point.mode === mode).length
    console.log(`${method.padEnd(14)}  ${cells((mode) => String(count(mode) || '–'))}`)
  }
  console.log(`${'in all'.padEnd(14)}  ${points.length}\n`)
}
