/**
 * Measures mediaport beside its limits and its peers. Only ratios within one run mean anything.
 *
 *   npm run bench -- [--only small,large] [--targets mediaport,koa-multer] [--rounds 7] [--seconds 3] [--short]
 */
import { parseArgs } from 'node:util'
import { Results } from './results.ts'
import { BenchServer } from './server.ts'
import { shuffled } from './statistics.ts'
import { table } from './table.ts'
import { TARGETS, type Target } from './targets.ts'
import { type Settings, type Values, WORKLOADS, type Workload } from './workloads.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    targets: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
const settings: Settings = {
  seconds: Number(options.seconds ?? (options.short ? 0.3 : 3)),
  isShort: options.short,
}
const rounds = Number(options.rounds ?? (options.short ? 1 : 7))

for (const workload of chosen(WORKLOADS, options.only, ({ isLong }) => isLong !== true))
  console.log(`\n${table(await measured(workload))}`)

async function measured(workload: Workload): Promise<Results> {
  const takesPart = ({ name }: Target) => workload.targets?.includes(name) ?? true
  const targets = chosen(TARGETS, options.targets).filter(takesPart)
  const columns = new Map<string, Values[]>(targets.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++)
    for (const target of shuffled(targets)) {
      const server = await BenchServer.start(target)
      try {
        const values = await workload.measure(server, settings)
        columns.get(target.name)?.push(values)
        const value = values[workload.figure] ?? Number.NaN
        console.error(`${workload.name} ${round}/${rounds} ${target.name}: ${value.toFixed(1)} ${workload.figure}`)
      } finally {
        await server.remove()
      }
    }
  return new Results(workload, columns)
}

/** Those of these names, all that `otherwise` lets through without names. */
function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: string | undefined,
  otherwise: (each: T) => boolean = () => true,
): readonly T[] {
  if (names === undefined) return all.filter(otherwise)
  return names.split(',').map((name) => {
    const found = all.find((each) => each.name === name)
    if (!found) throw new Error(`there is no ${name}; there are ${all.map((each) => each.name).join(', ')}`)
    return found
  })
}
