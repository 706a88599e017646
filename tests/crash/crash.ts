/**
 * Everything that is done to real processes, stores and clients, and the table of what came of it:
 *
 *   npm run crash [-- --full] [-- --only NAME]
 *
 * Without --full a part of it that takes minutes. The exit status is 1 where something is not as promised.
 */
import { parseArgs } from 'node:util'
import { clients } from './clients.ts'
import { clocks } from './clocks.ts'
import { databaseFaults } from './database-faults.ts'
import { databaseOutages } from './database-outages.ts'
import { databaseStates } from './database-states.ts'
import { diskFaults } from './disk-faults.ts'
import { endAll } from './ends-with-us.ts'
import { failPoints } from './fail-points.ts'
import { history } from './history.ts'
import { hostile } from './hostile.ts'
import { killLoop } from './kill-loop.ts'
import { misbehaving } from './misbehaving.ts'
import { move } from './move.ts'
import { outage } from './outage.ts'
import { failed, type Part, type Row, toTable } from './part.ts'
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
  console.error(`--only names one of ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

const rows: Row[] = []
for (const [name, part] of Object.entries(PARTS)) {
  if (values.only !== undefined && name !== values.only) continue
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  const say = (text: string) => console.error(`${name}, ${seconds()} s: ${text}`)
  rows.push(...(await part({ isFull: values.full, say }).catch((error: unknown) => [failed(name, error)])))
  endAll()
  console.error(`${name}: done in ${seconds()} s`)
}
console.log(toTable(rows))
process.exit(rows.every(({ isAsPromised }) => isAsPromised) ? 0 : 1)
