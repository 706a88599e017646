import { type Load, putLoad } from './load.ts'
import { watchMemory } from './memory.ts'
import type { BenchServer } from './server.ts'
import { median, quantile } from './statistics.ts'
import { verify } from './verify.ts'

/** What one measurement gives, by name of the figure. */
export type Values = Readonly<Record<string, number>>

export interface Workload {
  readonly name: string
  readonly title: string
  /** The figure that targets are compared by. */
  readonly figure: string
  readonly isLowerBetter?: boolean
  /** Names of targets; absent: those that take uploads into files. */
  readonly targets?: readonly string[]
  /** Runs only when it is asked for by name. */
  readonly isLong?: boolean
  measure(server: BenchServer, settings: Settings): Promise<Values>
}

export interface Settings {
  readonly seconds: number
  /** Measures nothing worth keeping, only that all works. */
  readonly isShort: boolean
}

const KIB = 1024
const MIB = 1024 * KIB
const WARM_UP_MS = 1000

/** @param rest how much, and whether each connection makes only one upload. */
const uploads = (
  name: string,
  title: string,
  { sizeBytes, connections, once = false, ...rest }: UploadShape,
): Workload => ({
  name,
  title,
  figure: sizeBytes < MIB ? 'uploads/s' : 'MB/s',
  ...rest,
  async measure(server, { seconds, isShort }) {
    const size = isShort ? Math.min(sizeBytes, 8 * MIB) : sizeBytes
    const load: Load = { form: server.target.form, sizeBytes: size, connections, forMs: 0 }
    const warmUp = await putLoad(server.port, {
      ...load,
      sizeBytes: Math.min(size, 8 * MIB),
      ...(!once && { forMs: isShort ? 100 : WARM_UP_MS }),
    })
    const memory = watchMemory(server.child.pid ?? 0)
    const { uploads, seconds: took } = await putLoad(server.port, { ...load, ...(!once && { forMs: seconds * 1000 }) })
    const peakMib = memory.peak()
    await verify(server, [...warmUp.uploads, ...uploads])
    const times = uploads.map(({ ms }) => ms)
    return {
      'uploads/s': uploads.length / took,
      'MB/s': (uploads.length * size) / took / 1e6,
      'p50 ms': median(times),
      'p99 ms': quantile(times, 0.99),
      'idle MiB': memory.idleMib,
      'growth MiB': peakMib - memory.idleMib,
    }
  },
})

interface UploadShape {
  readonly sizeBytes: number
  readonly connections: number
  readonly once?: boolean
  readonly isLong?: boolean
  readonly figure?: string
  readonly isLowerBetter?: boolean
}

export const WORKLOADS: readonly Workload[] = [
  uploads('small', '10 KiB × 16 connections', { sizeBytes: 10 * KIB, connections: 16 }),
  uploads('medium', '1 MiB × 8 connections', { sizeBytes: MIB, connections: 8 }),
  uploads('large', '500 MiB × 1', { sizeBytes: 500 * MIB, connections: 1, once: true }),
  uploads('many-large', '16 × 100 MiB', { sizeBytes: 100 * MIB, connections: 16, once: true }),
  uploads('many-huge', '16 × 400 MiB', { sizeBytes: 400 * MIB, connections: 16, once: true, isLong: true }),
  uploads('single', '10 KiB × 1 connection', {
    sizeBytes: 10 * KIB,
    connections: 1,
    figure: 'p50 ms',
    isLowerBetter: true,
  }),
]
