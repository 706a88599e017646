import { setTimeout } from 'node:timers/promises'
import { picture, type Uploaded, upload } from './api.ts'

const EVERY_MS = 200
/** The time limit until uploads succeed again. */
const TIMEOUT_MS = 60_000
let count = 0

export interface Load {
  readonly sent: number
  readonly acknowledged: readonly Uploaded[]
  /** The number of other responses than 201 by their status. 0 is a connection that failed. */
  readonly others: Readonly<Record<string, number>>
  /** Seconds from the fault to the start of the last upload that was not answered with 201. */
  readonly outageSeconds: number
  readonly hasRecovered: boolean
}

/** Uploads a file each 200 ms, from one second before a fault until uploads have succeeded again for two seconds. */
export async function underLoad(fault: () => Promise<void>): Promise<Load> {
  const bytes = await picture()
  const acknowledged: Uploaded[] = []
  const others: Record<string, number> = {}
  const pending = new Set<Promise<void>>()
  let sent = 0
  let lastFailure = 0
  const ended = new AbortController()
  const uploadOne = async () => {
    const start = performance.now()
    const name = `load-${process.pid}-${++count}.jpg`
    // Each file has unique bytes after the end of the picture.
    const { status, media } = await upload(name, Buffer.concat([bytes, Buffer.from(name)]))
    if (media) acknowledged.push(media)
    else {
      others[status] = (others[status] ?? 0) + 1
      lastFailure = Math.max(lastFailure, start)
    }
  }
  const send = async () => {
    while (!ended.signal.aborted) {
      const upload = uploadOne().finally(() => pending.delete(upload))
      pending.add(upload)
      sent++
      await setTimeout(EVERY_MS)
    }
  }
  const sending = send()
  await setTimeout(1000)
  const began = performance.now()
  await fault()
  const done = performance.now()
  // A pending upload has not succeeded yet.
  const isRecovered = () => performance.now() - Math.max(lastFailure, done) > 2000 && pending.size <= 2
  while (!isRecovered() && performance.now() - done < TIMEOUT_MS) await setTimeout(100)
  const hasRecovered = isRecovered()
  ended.abort()
  await sending
  await Promise.all(pending)
  const outageSeconds = lastFailure > began ? (lastFailure - began) / 1000 : 0
  return { sent, acknowledged, others, outageSeconds, hasRecovered }
}
