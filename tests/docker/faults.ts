/** Each service restarted, killed and stopped under load. Nothing that was acknowledged may be lost. */
import { setTimeout } from 'node:timers/promises'
import { ADDRESS, doubled, lost, picture, upload } from './api.ts'
import type { Checks } from './checks.ts'
import { EngineProcesses } from './engine-processes.ts'
import { underLoad } from './load.ts'
import type { Part } from './part.ts'
import { becomes, type Project, SERVICES, type Service } from './project.ts'

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

export const faults: Part = async ({ project, checks, isFull }) => {
  await using processes = await EngineProcesses.open()
  await planted(checks)
  const table: string[] = []
  for (const service of isFull ? SERVICES : NEEDED)
    for (const [name, fault] of Object.entries(isFull ? FAULTS : SHORT)) {
      const load = await underLoad(() => fault(project, service, processes))
      const [losses, doubles] = [await lost(load.acknowledged), await doubled()]
      const others = Object.entries(load.others).map(
        ([status, times]) => `${times} × ${status === '0' ? 'no answer' : status}`,
      )
      const seconds = load.outageSeconds.toFixed(1)
      table.push(
        `| ${service} | ${name} | ${load.sent} | ${others.join(', ') || 'none'} | ${seconds} s | ${losses.length} | ${doubles.length} |`,
      )
      checks.equal(`${service} ${name}: nothing lost, nothing doubled`, [...losses, ...doubles], [])
      checks.holds(`${service} ${name}: uploads succeed again`, load.hasRecovered, `after ${seconds} s`)
      if (!NEEDED.includes(service)) checks.equal(`${service} ${name}: every upload succeeds`, others, [])
      const isHealthy = () => project.states().then((states) => states.every((state) => state === 'healthy'))
      checks.holds(`${service} ${name}: all healthy again`, await becomes(isHealthy, 60_000), await project.states())
    }
  console.log('\n| service | fault | uploads | not 201 | until | lost | doubled |\n|---|---|---|---|---|---|---|')
  console.log(`${table.join('\n')}\n`)
}

/** A loss and a double of our own making must be seen. */
async function planted(checks: Checks): Promise<void> {
  const first = await upload('planted.jpg', await picture())
  await upload('planted.jpg', await picture())
  checks.equal('a planted double is seen', await doubled(), ['planted.jpg'])
  await fetch(`${ADDRESS}/media/${first.media?.id}/`, { method: 'DELETE' })
  checks.equal('a planted loss is seen', await lost(first.media ? [first.media] : []), [`${first.media?.id}: 404`])
}
