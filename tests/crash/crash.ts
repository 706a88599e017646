/**
 * Runs the faults on real processes, stores and clients, and prints the table of the results:
 *
 *   npm run crash [-- --full] [-- --only NAME]
 *
 * Without --full it runs a part that takes minutes. The exit status is 1 if a row has failed.
 */
import { parseArgs } from 'node:util'
import { runExitHandlers } from '../support/processes.ts'
import { clients } from './clients.ts'
import { clocks } from './clocks.ts'
import { databaseFaults } from './database-faults.ts'
import { databaseOutages } from './database-outages.ts'
import { databaseStates } from './database-states.ts'
import { diskFaults } from './disk-faults.ts'
import { failPoints } from './fail-points.ts'
import { history } from './history.ts'
import { hostile } from './hostile.ts'
import { killLoop } from './kill-loop.ts'
import { misbehaving } from './misbehaving.ts'
import { move } from './move.ts'
import { outage } from './outage.ts'
import { failedRow, type Part, type Row, toTable } from './part.ts'
import { paused } from './paused.ts'
import { planted } from './planted.ts'
import { projectionFaults } from './projection-faults.ts'
import { randomKills } from './random-kills.ts'
import { restarts } from './restarts.ts'
import { restored } from './restored.ts'
import { rolling } from './rolling.ts'
import { sharedCommits } from './shared-commits.ts'
import { sharedKills } from './shared-kills.ts'
import { signals } from './signals.ts'
import { storageFaults } from './storage-faults.ts'
import { together } from './together.ts'

const PARTS: Readonly<Record<string, Part>> = {
  planted,
  'fail-points': failPoints,
  'random-kills': randomKills,
  history,
  embedded: killLoop,
  restarts,
  outage,
  move,
  database: databaseFaults,
  'shared-commits': sharedCommits,
  'shared-kills': sharedKills,
  'database-states': databaseStates,
  'database-outages': databaseOutages,
  storage: storageFaults,
  disk: diskFaults,
  projections: projectionFaults,
  clients,
  hostile,
  signals,
  paused,
  together,
  clocks,
  misbehaving,
  rolling,
  restored,
}

const { values } = parseArgs({
  options: { full: { type: 'boolean', default: false }, only: { type: 'string' } },
})
if (values.only !== undefined && !(values.only in PARTS)) {
  console.error(`--only must be one of ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

const rows: Row[] = []
for (const [name, part] of Object.entries(PARTS)) {
  if (values.only !== undefined && name !== values.only) continue
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  const report = (text: string) => console.error(`${name}, ${seconds()} s: ${text}`)
  rows.push(...(await part({ isFull: values.full, report }).catch((error: unknown) => [failedRow(name, error)])))
  runExitHandlers()
  console.error(`${name}: finished in ${seconds()} s`)
}
console.log(toTable(rows))
process.exit(rows.every(({ passed }) => passed) ? 0 : 1)
