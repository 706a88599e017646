/** Each service is restarted, killed and stopped under load. No acknowledged upload may be lost. */
import { setTimeout } from 'node:timers/promises'
import { ADDRESS, doubled, lost, picture, upload } from './api.ts'
import type { Checks } from './checks.ts'
import { EngineProcesses } from './engine-processes.ts'
import { underLoad } from './load.ts'
import type { Part } from './part.ts'
import { becomes, type Project, type Service } from './project.ts'

type Fault = (project: Project, service: Service, processes: EngineProcesses) => Promise<void>

const stopped =
  (seconds: number): Fault =>
  async (project, service) => {
    await project.compose('pause', service)
    await setTimeout(seconds * 1000)
    await project.compose('unpause', service)
  }

const FAULTS: Readonly<Record<string, Fault>> = {
  restarted: async (project, service) => void (await project.compose('restart', service)),
  killed: async (project, service, processes) => processes.kill((await project.inspect(service)).State.Pid),
  'stopped for 20 s': stopped(20),
}
const SHORT: Readonly<Record<string, Fault>> = { killed: FAULTS['killed'] ?? stopped(0), 'stopped for 5 s': stopped(5) }
/** The services that uploads need. Without the others each upload must succeed. */
const NEEDED: readonly Service[] = ['web', 'db']

/** @returns The part of the walk with the faults of one service. */
export const faultsOf =
  (service: Service): Part =>
  async ({ project, checks, isFull, table }) => {
    await using processes = await EngineProcesses.open()
    await project.up()
    await planted(checks)
    for (const [name, fault] of Object.entries(isFull ? FAULTS : SHORT)) {
      const what = `${service} ${name}`
      const load = await underLoad(() => fault(project, service, processes))
      const [losses, doubles] = [await lost(load.acknowledged), await doubled()]
      const others = Object.entries(load.others).map(
        ([status, n]) => `${n} × ${status === '0' ? 'no response' : status}`,
      )
      const seconds = load.outageSeconds.toFixed(1)
      const counts = `${others.join(', ') || 'none'} | ${seconds} s | ${losses.length} | ${doubles.length}`
      table.push(`| ${service} | ${name} | ${load.sent} | ${counts} |`)
      checks.equal(`${what}: nothing lost, nothing doubled`, [...losses, ...doubles], [])
      checks.holds(`${what}: uploads succeed again`, load.hasRecovered, `after ${seconds} s`)
      if (!NEEDED.includes(service)) checks.equal(`${what}: every upload succeeds`, others, [])
      const isHealthy = () => project.states().then((states) => states.every((state) => state === 'healthy'))
      checks.holds(`${what}: all are healthy again`, await becomes(isHealthy, 60_000), await project.states())
    }
  }

export const TABLE_HEAD = [
  '| service | fault | uploads | not 201 | outage | lost | doubled |',
  '|---|---|---|---|---|---|---|',
]

/** Plants a lost and a doubled upload, which the checks must find. */
async function planted(checks: Checks): Promise<void> {
  const first = await upload('planted.jpg', await picture())
  const second = await upload('planted.jpg', await picture())
  const planted = [first, second].flatMap(({ media }) => media ?? [])
  checks.equal('a planted double is found', await doubled(), ['planted.jpg'])
  for (const { id } of planted) await fetch(`${ADDRESS}/media/${id}/`, { method: 'DELETE' })
  checks.equal(
    'a planted loss is found',
    await lost(planted),
    planted.map(({ id }) => `${id}: 404`),
  )
}
