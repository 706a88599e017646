/**
 * Files that are made to exhaust the memory or time of their reader: the responses of the server, and the next file.
 */
import { expect, test } from 'vitest'
import { CASES, pdfBomb } from '../unit/hostile-files.ts'
import { request, upload } from './client.ts'
import { isFull, testVerdict, until, useInstallation } from './suite.ts'

/**
 * The guarantees: the seconds until the file after a hostile one is described, and the 99th percentile of the duration
 * of health checks, in ms. A short run may share its machine with other work, so it only detects a blocked server.
 */
const MAX = isFull ? { next: 2, health: 250 } : { next: 10, health: 2500 }
const SHORT_RUN = 4

const installation = await useInstallation('filesystem', { MAX_FILE_SIZE: '512MiB' })
const { log } = installation
const { url } = await installation.start()
const statusOf = async (id: unknown) => (await request(`${url}/media/${String(id)}/metadata/`)).body['status']
const untilDescribed = (id: unknown) => until('it is described', async () => (await statusOf(id)) !== 'pending')

/** Repeats health checks until the returned function is called. It returns the 99th percentile, in ms. */
function measureHealth(): () => Promise<number> {
  const durations: number[] = []
  const stop = new AbortController()
  const requests = (async () => {
    while (!stop.signal.aborted) {
      const { status, seconds } = await request(`${url}/healthcheck/`)
      durations.push(status === 200 ? seconds * 1000 : Infinity)
    }
  })()
  return async () => {
    stop.abort()
    await requests
    return durations.toSorted((a, b) => a - b)[Math.ceil(durations.length * 0.99) - 1] ?? Infinity
  }
}

const all = [...CASES, ['a cross-reference table of a gigabyte', 'application/pdf', pdfBomb] as const]
for (const [n, [what, type, bytesOf]] of all.entries())
  test(`${what}, ${type}`, { skip: !isFull && n >= SHORT_RUN }, async ({ annotate }) => {
    const bytes = bytesOf()
    const name = `hostile ${n}`
    // The request is made before the health checks start, because that blocks this process.
    const sending = upload(url, log, { title: name, filename: name, bytes })
    const endMeasurement = measureHealth()
    const { status, body } = await sending
    if (status === 201) {
      const seconds = await untilDescribed(body['id'])
      await annotate(`201, then ${String(await statusOf(body['id']))} after ${seconds.toFixed(1)} s`)
    } else expect(String(status)).toMatch(/^4/)
    const next = await upload(url, log, { title: `after ${n}` })
    const seconds = await untilDescribed(next.body['id'])
    expect(['ready', 'none']).toContain(await statusOf(next.body['id']))
    expect(seconds).toBeLessThanOrEqual(MAX.next)
    const p99 = await endMeasurement()
    await annotate(`the next file after ${seconds.toFixed(1)} s, health checks p99 ${Math.round(p99)} ms`)
    expect(p99).toBeLessThan(MAX.health)
  })

testVerdict(installation)
