/**
 * The steps of a new user on a Docker engine, with the project's own Dockerfile, compose files and documentation:
 *
 *   npm run docker [-- --only NAME]       the parts that every change must pass
 *   npm run docker:full [-- --only NAME]  all parts
 *
 * Prints each check and counts them. The exit status is 1 if one failed. The upgrade starts from `--from COMMIT`, by
 * default the previous commit.
 */
import { parseArgs } from 'node:util'
import { backup } from './backup.ts'
import { badInput } from './bad-input.ts'
import { Checks } from './checks.ts'
import { confinement } from './confinement.ts'
import { downAndUp } from './down-and-up.ts'
import { faultsOf, TABLE_HEAD } from './faults.ts'
import { firstMinute } from './first-minute.ts'
import { idle } from './idle.ts'
import { imagekit } from './imagekit.ts'
import type { Part } from './part.ts'
import { Project, SERVICES } from './project.ts'
import { rebuilt } from './rebuilt.ts'
import { upgrade } from './upgrade.ts'

const PARTS: Readonly<Record<string, Part>> = {
  'first-minute': firstMinute,
  confinement,
  rebuilt,
  idle,
  ...Object.fromEntries(SERVICES.map((service) => [`faults-${service}`, faultsOf(service)])),
  'down-and-up': downAndUp,
  backup,
  imagekit,
  'bad-input': badInput,
  upgrade,
}
const ONLY_FULL = ['idle', 'faults-worker', 'faults-mongo', 'faults-redis', 'upgrade']

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    from: { type: 'string', default: 'HEAD~1' },
  },
})
const unknown = values.only?.find((name) => !(name in PARTS))
if (unknown !== undefined) {
  console.error(`--only must be one of ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

const checks = new Checks()
const table: string[] = []
const project = await Project.copy()
try {
  for (const [name, part] of Object.entries(PARTS)) {
    if (values.only ? !values.only.includes(name) : ONLY_FULL.includes(name) && !values.full) continue
    console.log(`--- ${name}`)
    const start = performance.now()
    const { full: isFull, from } = values
    await part({ project, checks, isFull, from, table }).catch((error: unknown) =>
      checks.holds(`${name} was completed`, false, String(error)),
    )
    console.log(`--- ${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
  }
} finally {
  await project.remove()
}
if (table.length > 0) console.log(`\n${[...TABLE_HEAD, ...table].join('\n')}\n`)
console.log(checks.summary)
process.exitCode = checks.hasFailed ? 1 : 0
