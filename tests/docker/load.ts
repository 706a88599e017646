import { setTimeout } from 'node:timers/promises'
import { vi } from 'vitest'
import { PICTURE, type Uploaded, upload } from './api.ts'

const EVERY_MS = 200
/** The time limit until uploads succeed again. */
const TIMEOUT_MS = 60_000

interface Sent {
  readonly at: number
  /** Of the response. 0 is a connection that failed. Undefined until then. */
  status?: number
  media?: Uploaded
}

export interface Load {
  readonly sent: number
  readonly acknowledged: readonly Uploaded[]
  /** The statuses of the other responses. */
  readonly failures: readonly number[]
  /** Seconds from the fault to the start of the last upload that was not answered with 201. */
  readonly outageSeconds: number
  readonly hasRecovered: boolean
}

/** Uploads a file each 200 ms, from one second before a fault until uploads have succeeded again for two seconds. */
export async function underLoad(fault: () => Promise<void>): Promise<Load> {
  const sent: Sent[] = []
  const send = async () => {
    const one: Sent = { at: performance.now() }
    sent.push(one)
    const name = `load-${crypto.randomUUID()}.jpg`
    // Each file has unique bytes after the end of the picture.
    Object.assign(one, await upload(name, Buffer.concat([PICTURE, Buffer.from(name)])))
  }
  const pending = () => sent.filter(({ status }) => status === undefined)
  const failures = () => sent.filter(({ status }) => status !== undefined && status !== 201)
  const lastFailure = () => Math.max(0, ...failures().map(({ at }) => at))
  const timer = setInterval(() => void send(), EVERY_MS)
  await setTimeout(1000)
  const began = performance.now()
  await fault()
  const done = performance.now()
  // A pending upload has not succeeded yet.
  const isRecovered = () => performance.now() - Math.max(lastFailure(), done) > 2000 && pending().length <= 2
  const hasRecovered = await vi.waitUntil(isRecovered, { timeout: TIMEOUT_MS, interval: 100 }).catch(() => false)
  clearInterval(timer)
  await vi.waitUntil(() => pending().length === 0, TIMEOUT_MS)
  return {
    sent: sent.length,
    acknowledged: sent.flatMap(({ media }) => media ?? []),
    failures: failures().map(({ status = 0 }) => status),
    outageSeconds: Math.max(0, lastFailure() - began) / 1000,
    hasRecovered,
  }
}
