import { connect } from 'node:net'
import { setInterval } from 'node:timers/promises'
import { putLoad } from '../load.ts'
import { Payload } from '../payload.ts'
import type { BenchServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { verify } from '../verify.ts'
import { KIB, MIB, type Workload } from '../workload.ts'

const SLOW = 200
const SAMPLES = 1000
const EVERY_MS = 250
/** Twice what mediaport expects of a client. */
const PIECE_BYTES = 2 * KIB

/** Uploads that go on and on. @returns ends them, unfinished. */
function startSlowUploads({ port, target }: BenchServer): () => void {
  const [request = Buffer.alloc(0)] = new Payload(target.form, MIB).request(0)
  const sockets = Array.from({ length: SLOW }, () => connect(port, '127.0.0.1').on('error', () => {}))
  const stop = new AbortController()
  // The head and enough of the file to tell its type.
  for (const socket of sockets) socket.write(request.subarray(0, 8 * KIB))
  const send = async () => {
    let at = 8 * KIB
    for await (const _ of setInterval(EVERY_MS, undefined, { signal: stop.signal })) {
      for (const socket of sockets) if (!socket.destroyed) socket.write(request.subarray(at, at + PIECE_BYTES))
      at += PIECE_BYTES
    }
  }
  send().catch(() => undefined)
  return () => {
    stop.abort()
    for (const socket of sockets) socket.destroy()
  }
}

export const NEIGHBOURS: Workload = {
  name: 'slow-neighbours',
  title: `10 KiB × 4 connections beside ${SLOW} that send ${(PIECE_BYTES * 1000) / EVERY_MS / KIB} KiB/s`,
  figure: 'p99 ms',
  isLowerBetter: true,
  targets: ['bare-insert', 'bare-durable', 'koa-multer', 'fastify', 'mediaport', 'mediaport-pglite'],
  async measure(server, { isShort }) {
    const stop = startSlowUploads(server)
    const load = (samples: number) =>
      putLoad(server.port, {
        form: server.target.form,
        sizeBytes: 10 * KIB,
        connections: 4,
        goesOn: (count) => count < samples,
      })
    const warmUp = await load(isShort ? 10 : 200)
    const { uploads, seconds } = await load(isShort ? 50 : SAMPLES)
    // The slow ones have files, too.
    await verify(server, [...warmUp.uploads, ...uploads], { otherFiles: SLOW })
    stop()
    const times = uploads.map(({ ms }) => ms)
    return { 'uploads/s': uploads.length / seconds, 'p50 ms': median(times), 'p99 ms': quantile(times, 0.99) }
  },
}
