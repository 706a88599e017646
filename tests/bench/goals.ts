import type { Reference, Report } from './results.ts'

interface Goal {
  readonly text: string
  readonly of: (report: Report) => number | undefined
  readonly atLeast?: number
  readonly atMost?: number
}

const ratio =
  (workload: string, target: string, reference: Reference) =>
  (report: Report): number | undefined =>
    report[workload]?.targets[target]?.ratios[reference]
const value =
  (workload: string, target: string, figure: string) =>
  (report: Report): number | undefined =>
    report[workload]?.targets[target]?.values[figure]

/** @returns how much more the second is than the first. */
const more =
  (first: Goal['of'], second: Goal['of']): Goal['of'] =>
  (report) => {
    const [a, b] = [first(report), second(report)]
    return a === undefined || b === undefined ? undefined : b - a
  }
const growth = (workload: string) => value(workload, 'mediaport', 'growth MiB')
const growthUnlike = (report: Report) => more(growth('many-large'), growth('many-huge'))(report)

export const GOALS: readonly Goal[] = [
  { text: '10 KiB × 16, × Koa + multer', of: ratio('small', 'mediaport', 'koa-multer'), atLeast: 1 },
  { text: '10 KiB × 16, × the same made durable', of: ratio('small', 'mediaport', 'koa-multer-durable'), atLeast: 1.5 },
  {
    text: '10 KiB × 16, worker inside, × Koa + multer',
    of: ratio('small', 'mediaport-inline', 'koa-multer'),
    atLeast: 0.7,
  },
  {
    text: 'worker inside: seconds until all is described',
    of: value('described', 'mediaport-inline', 'seconds'),
    atMost: 30,
  },
  { text: '10 KiB × 16, PGlite, × Koa + multer', of: ratio('small', 'mediaport-pglite', 'koa-multer'), atLeast: 0.5 },
  { text: '1 MiB × 8, × the best peer', of: ratio('medium', 'mediaport', 'best-peer'), atLeast: 1 },
  { text: '500 MiB × 1, × node:http with SHA-256', of: ratio('large', 'mediaport', 'bare-file'), atLeast: 1.3 },
  { text: '16 × 100 MiB, × the best peer', of: ratio('many-large', 'mediaport', 'best-peer'), atLeast: 1 },
  { text: '16 × 100 MiB, memory grows by MiB', of: growth('many-large'), atMost: 96 },
  // Samples of a heap differ by some MiB from run to run.
  { text: '16 × 400 MiB, memory grows by MiB more than that', of: growthUnlike, atMost: 10 },
  {
    text: '2 GiB into a storage of 20 MiB/s, memory grows by MiB',
    of: value('slow-storage', 'mediaport-imagekit-slow', 'growth MiB'),
    atMost: 64,
  },
  {
    text: 'p99 beside 200 slow ones, × node:http',
    of: ratio('slow-neighbours', 'mediaport', 'bare-insert'),
    atMost: 1,
  },
  { text: 'download, × koa-send', of: ratio('download', 'mediaport', 'koa-multer'), atLeast: 0.8 },
  { text: 'pipeline, media/s', of: value('pipeline', 'mediaport-stores', 'media/s'), atLeast: 400 },
  {
    text: 'titles from Redis per second of one core',
    of: value('titles', 'mediaport-stores', 'requests per CPU s'),
    atLeast: 5000,
  },
  { text: 'titles from Redis, × by PostgreSQL', of: ratio('titles', 'mediaport-stores', 'mediaport'), atLeast: 1.5 },
  { text: 'idle memory, PostgreSQL, MiB', of: value('start', 'mediaport', 'idle MiB new'), atMost: 120 },
  {
    text: 'idle memory, PGlite at its first start, MiB',
    of: value('start', 'mediaport-pglite', 'idle MiB new'),
    atMost: 400,
  },
  { text: 'idle memory, PGlite later, MiB', of: value('start', 'mediaport-pglite', 'idle MiB later'), atMost: 400 },
  { text: 'PGlite new, ms to the first 201', of: value('start', 'mediaport-pglite', 'new ms'), atMost: 3000 },
  { text: 'PGlite later, ms to the first 201', of: value('start', 'mediaport-pglite', 'later ms'), atMost: 1000 },
  { text: 'the first with both cores busy', of: value('start-busy', 'mediaport-pglite', 'new ms'), atMost: 9000 },
  { text: 'the second with both cores busy', of: value('start-busy', 'mediaport-pglite', 'later ms'), atMost: 3000 },
]

export const isMet = ({ atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Goal, got: number) =>
  got >= atLeast && got <= atMost
