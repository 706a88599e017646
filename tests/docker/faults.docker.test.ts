import { setTimeout } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { withServices } from '../services.ts'
import { ADDRESS, doubled, lost, upload } from './api.ts'
import { underLoad } from './load.ts'
import { HEALTHY, IS_FULL, it, kill, type Project, SERVICES, type Service } from './project.ts'

type Fault = (project: Project, service: Service) => Promise<unknown>

const stopped =
  (seconds: number): Fault =>
  async (project, service) => {
    await project.compose('pause', service)
    await setTimeout(seconds * 1000)
    await project.compose('unpause', service)
  }
const killed: Fault = async (project, service) => kill(await project.container(service))
const restarted: Fault = (project, service) => project.compose('restart', service)

const FAULTS: Readonly<Record<string, Fault>> = IS_FULL
  ? { restarted, killed, 'stopped for 20 s': stopped(20) }
  : { killed, 'stopped for 5 s': stopped(5) }
/** The services that uploads need. Without the others each upload must succeed. */
const NEEDED: readonly Service[] = ['web', 'db']

withServices(['DOCKER_HOST'], 'No acknowledged upload is lost', () => {
  it.beforeAll(async ({ project }) => void (await project.up('--build')))

  it('or doubled without being found: a planted loss and a planted double', async () => {
    const planted = [await upload('planted.jpg'), await upload('planted.jpg')].flatMap(({ media }) => media ?? [])
    expect(await doubled()).toEqual(['planted.jpg'])
    for (const { id } of planted) await fetch(`${ADDRESS}/media/${id}/`, { method: 'DELETE' })
    expect(planted).toHaveLength(2)
    expect(await lost(planted)).toEqual(planted.map(({ id }) => `${id}: 404`))
  })

  describe.for(IS_FULL ? SERVICES : NEEDED)('while %s is', (service) => {
    it.for(Object.entries(FAULTS))('%s', async ([, fault], { project, annotate }) => {
      const load = await underLoad(async () => void (await fault(project, service)))
      const [losses, doubles] = [await lost(load.acknowledged), await doubled()]
      const others = Object.entries(Object.groupBy(load.failures, String)).map(
        ([status, all]) => `${all?.length} × ${status === '0' ? 'no response' : status}`,
      )
      await annotate(
        `${load.sent} uploads, not 201: ${others.join(', ') || 'none'}, outage ${load.outageSeconds.toFixed(1)} s`,
      )
      expect.soft([losses, doubles], 'lost and doubled').toEqual([[], []])
      expect.soft(load.hasRecovered, 'uploads succeed again').toBe(true)
      if (!NEEDED.includes(service)) expect.soft(load.failures, 'every upload succeeds').toEqual([])
      await expect.poll(() => project.states()).toEqual(HEALTHY)
    })
  })
})
