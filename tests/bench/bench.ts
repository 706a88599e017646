/**
 * Measures mediaport beside limits and peers. Only ratios within one run mean anything.
 *
 *   npm run bench -- [--only small,large] [--targets mediaport,koa-multer] [--rounds 7] [--seconds 3]
 *
 * --short  one quick round, where only rows, files and bytes count; for CI
 * --write  puts what was measured into docs/benchmark.json, .md and .svg, and leaves other workloads there as they are
 * --growth measures the database work at 10,000 to a million rows instead; --rows 10000,10000000 names others
 * --check  exit status 1 where a ratio is more than 15 % worse than in docs/benchmark.json
 */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { main as growth } from './growth.ts'
import { picture } from './picture.ts'
import { burnCores } from './process-usage.ts'
import { fallen, type Report, summarize, type WorkloadReport } from './results.ts'
import { BenchServer } from './server.ts'
import { shuffled } from './statistics.ts'
import { goalTable, table } from './table.ts'
import { TARGETS, type Target } from './targets.ts'
import type { Settings, Values, Workload } from './workload.ts'
import { WORKLOADS } from './workloads.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    targets: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    rows: { type: 'string' },
  },
})
if (options.growth) {
  await growth(options.rows === undefined ? [] : ['--rows', options.rows])
  process.exit()
}
const settings: Settings = { seconds: Number(options.seconds ?? (options.short ? 0.3 : 3)), isShort: options.short }
if (options.short && (options.write || options.check)) throw new Error('a short run has no figures to keep or check')
const rounds = Number(options.rounds ?? (options.short ? 1 : 7))
const DOCS = new URL('../../docs/', import.meta.url)
const before: Report = JSON.parse(await readFile(new URL('benchmark.json', DOCS), 'utf8').catch(() => '{}'))

const measured: Record<string, WorkloadReport> = {}
for (const workload of chosen(WORKLOADS, options.only, ({ isLong }) => isLong !== true)) {
  const summary = await measure(workload)
  measured[workload.name] = summary
  console.log(`\n${table(workload.name, summary)}`)
}
console.log(goalTable(measured))
if (options.write) await write({ ...before, ...measured })
const worse = options.check ? fallen(before, measured) : []
for (const line of worse) console.log(line)
process.exitCode = worse.length > 0 ? 1 : 0

async function measure(workload: Workload): Promise<WorkloadReport> {
  const takesPart = ({ name, isSpecial }: Target) =>
    workload.also?.includes(name) || (workload.targets?.includes(name) ?? isSpecial !== true)
  const targets = chosen(TARGETS, options.targets).filter(takesPart)
  const columns = new Map<string, Values[]>(targets.map(({ name }) => [name, []]))
  for (let round = 1; round <= rounds; round++)
    for (const target of shuffled(targets)) {
      const values = await once(workload, target)
      columns.get(target.name)?.push(values)
      const value = values[workload.figure]?.toFixed(2)
      console.error(`${workload.name} ${round}/${rounds} ${target.name}: ${value} ${workload.figure}`)
    }
  return summarize(workload, columns)
}

async function once(workload: Workload, target: Target): Promise<Values> {
  const stopBurning = burnCores(workload.busyCores ?? 0)
  const server = await BenchServer.start(target)
  try {
    return await workload.measure(server, settings)
  } finally {
    stopBurning()
    await server.remove()
  }
}

async function write(report: Report): Promise<void> {
  // In the order of the table of workloads, whatever was measured first.
  const ordered = WORKLOADS.flatMap(({ name }) => Object.entries(report).filter(([each]) => each === name))
  const tables = ordered.map(([name, workload]) => table(name, workload))
  const text = `# Benchmark

\`npm run bench -- --write\` measured this on ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}, with the load, PostgreSQL and
the disk on the same machine. Absolute figures say little; ratios are medians of the quotients within each round. Peers store without
fsync and without digest; mediaport keeps all of its promises.

![Bars of what follows](benchmark.svg)

## Goals

${goalTable(report)}
## Workloads

${tables.join('\n')}`
  await writeFile(new URL('benchmark.json', DOCS), `${JSON.stringify(Object.fromEntries(ordered), rounded, 2)}\n`)
  await writeFile(new URL('benchmark.md', DOCS), text)
  await writeFile(new URL('benchmark.svg', DOCS), picture(Object.fromEntries(ordered)))
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}

/** Those of these names; without names, all that `otherwise` lets through. */
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
