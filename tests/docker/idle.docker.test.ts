import { once } from 'node:events'
import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { it, type Project, SERVICES } from './project.ts'

const SECONDS = 60
const MAX_PERCENT = 5
const socketPath = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? ''

/** The processor time of each service, in nanoseconds. */
const usage = (project: Project): Promise<readonly number[]> =>
  Promise.all(
    SERVICES.map(async (service) => {
      const { Id } = await project.container(service)
      const request = get({ socketPath, path: `/containers/${Id}/stats?stream=false&one-shot=true` })
      const [response] = await once(request, 'response')
      const stats = (await json(response)) as { cpu_stats: { cpu_usage: { total_usage: number } } }
      return stats.cpu_stats.cpu_usage.total_usage
    }),
  )

withServices(['DOCKER_HOST'], 'All services together', () => {
  it(`take at most ${MAX_PERCENT} % of a core without work`, async ({ project, annotate, skip }) => {
    skip(!socketPath.startsWith('/'), 'the engine has no local socket')
    await project.up('--build')
    await setTimeout(15_000)
    const before = await usage(project)
    await setTimeout(SECONDS * 1000)
    const after = await usage(project)
    const percents = SERVICES.map((_, n) => ((after[n] ?? 0) - (before[n] ?? 0)) / (SECONDS * 1e7))
    const sum = percents.reduce((a, b) => a + b)
    const each = SERVICES.map((service, n) => `${service} ${percents[n]?.toFixed(2)}`).join(', ')
    await annotate(`${sum.toFixed(2)} % of a core for ${SECONDS} s: ${each}`)
    expect(sum).toBeLessThanOrEqual(MAX_PERCENT)
  })
})
