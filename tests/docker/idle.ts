/** The processor time of all services while there is no work. */

import { once } from 'node:events'
import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import type { Part } from './part.ts'
import { type Project, SERVICES } from './project.ts'

const SECONDS = 60
const MAX_PERCENT = 5

export const idle: Part = async ({ project, checks, isFull }) => {
  const socket = process.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock'
  if (!isFull) return
  if (!socket.startsWith('/')) return checks.skip('the cost of idling', 'the engine has no local socket')
  await project.up()
  await setTimeout(15_000)
  const before = await usage(project, socket)
  await setTimeout(SECONDS * 1000)
  const after = await usage(project, socket)
  const percents = SERVICES.map((service, n) => ((after[n] ?? 0) - (before[n] ?? 0)) / (SECONDS * 1e7))
  const sum = percents.reduce((a, b) => a + b)
  const each = SERVICES.map((service, n) => `${service} ${percents[n]?.toFixed(2)}`).join(', ')
  checks.holds(`percent of a core for ${SECONDS} s of idling`, sum <= MAX_PERCENT, `${sum.toFixed(2)} (${each})`)
}

/** Processor time of each service, in nanoseconds. */
const usage = (project: Project, socketPath: string): Promise<readonly number[]> =>
  Promise.all(
    SERVICES.map(async (service) => {
      const { Id } = await project.inspect(service)
      const request = get({ socketPath, path: `/containers/${Id}/stats?stream=false&one-shot=true` })
      const [response] = await once(request, 'response')
      const stats = (await json(response)) as { cpu_stats: { cpu_usage: { total_usage: number } } }
      return stats.cpu_stats.cpu_usage.total_usage
    }),
  )
