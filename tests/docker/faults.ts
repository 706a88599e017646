/** Each service restarted, killed and stopped under load. Nothing that was acknowledged may be lost. */
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
/** Uploads need these; without the others each upload must succeed. */
const NEEDED: readonly Service[] = ['web', 'db']

/** @returns The part of the walk that does harm to one service. */
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
      const others = Object.entries(load.others).map(([status, n]) => `${n} × ${status === '0' ? 'no answer' : status}`)
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
  '| service | fault | uploads | not 201 | until | lost | doubled |',
  '|---|---|---|---|---|---|---|',
]

/** A loss and a double of our own making must be seen. */
async function planted(checks: Checks): Promise<void> {
  const first = await upload('planted.jpg', await picture())
  const second = await upload('planted.jpg', await picture())
  const planted = [first, second].flatMap(({ media }) => media ?? [])
  checks.equal('a planted double is seen', await doubled(), ['planted.jpg'])
  for (const { id } of planted) await fetch(`${ADDRESS}/media/${id}/`, { method: 'DELETE' })
  checks.equal(
    'a planted loss is seen',
    await lost(planted),
    planted.map(({ id }) => `${id}: 404`),
  )
}
