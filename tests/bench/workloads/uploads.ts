import { forMs, type Load, once, putLoad } from '../load.ts'
import { watchUsage } from '../process-usage.ts'
import { median, quantile } from '../statistics.ts'
import { verify } from '../verify.ts'
import { KIB, MIB, type Workload } from '../workload.ts'

const WARM_UP_MS = 1000
const SHORT_BYTES = 8 * MIB
/** Those left out differ from one of these for small files only. */
const FOR_LARGE =
  'bare-file bare-insert bare-durable koa-multer fastify tus mediaport mediaport-pglite mediaport-imagekit'.split(' ')

interface Shape extends Partial<Workload> {
  readonly sizeBytes: number
  readonly connections: number
  /** Each connection makes one upload, instead of as many as there is time for. */
  readonly once?: boolean
}

const uploads = (name: string, title: string, { sizeBytes, connections, once: isOnce, ...rest }: Shape): Workload => ({
  name,
  title,
  figure: sizeBytes < MIB ? 'uploads/s' : 'MB/s',
  ...rest,
  async measure(server, { seconds, isShort }) {
    const size = isShort ? Math.min(sizeBytes, SHORT_BYTES) : sizeBytes
    const load = (bytes: number, ms: number): Load => ({
      form: server.target.form,
      sizeBytes: bytes,
      connections,
      goesOn: isOnce ? once : forMs(ms),
    })
    const warmUp = await putLoad(server.port, load(Math.min(size, SHORT_BYTES), isShort ? 100 : WARM_UP_MS))
    const usage = watchUsage(server.pid)
    const { uploads, seconds: took } = await putLoad(server.port, load(size, seconds * 1000))
    const { cpuMs, peakMib } = usage()
    await verify(server, [...warmUp.uploads, ...uploads])
    const times = uploads.map(({ ms }) => ms)
    return {
      'uploads/s': uploads.length / took,
      'MB/s': (uploads.length * size) / took / 1e6,
      'p50 ms': median(times),
      'p99 ms': quantile(times, 0.99),
      'CPU ms': cpuMs / uploads.length,
      'idle MiB': server.idleMib,
      'growth MiB': peakMib - server.idleMib,
    }
  },
})

export const UPLOADS: readonly Workload[] = [
  uploads('small', '10 KiB × 16 connections', {
    sizeBytes: 10 * KIB,
    connections: 16,
    also: ['bare-durable-pglite'],
  }),
  uploads('medium', '1 MiB × 8 connections', { sizeBytes: MIB, connections: 8 }),
  uploads('large', '500 MiB × 1', { sizeBytes: 500 * MIB, connections: 1, once: true, targets: FOR_LARGE }),
  uploads('many-large', '16 × 100 MiB', { sizeBytes: 100 * MIB, connections: 16, once: true, targets: FOR_LARGE }),
  uploads('many-huge', '16 × 400 MiB', {
    sizeBytes: 400 * MIB,
    connections: 16,
    once: true,
    isLong: true,
    targets: ['koa-multer', 'mediaport'],
  }),
  uploads('single', '10 KiB × 1 connection', {
    sizeBytes: 10 * KIB,
    connections: 1,
    figure: 'p50 ms',
    isLowerBetter: true,
  }),
  uploads('slow-storage', '2 GiB × 1 into a storage that takes 20 MiB/s', {
    sizeBytes: 2048 * MIB,
    connections: 1,
    once: true,
    isLong: true,
    targets: ['mediaport-imagekit-slow'],
  }),
]
