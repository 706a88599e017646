import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { forMs, type Load, putLoad } from '../load.ts'
import type { BenchServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { KIB, type Workload } from '../workload.ts'

const PHOTOGRAPH = await readFile(new URL('../../samples/picture.jpg', import.meta.url))
const WORKERS = 2
const BACKLOG = 2000
/** A pipeline that has not done the backlog by then is slow enough to be measured by what it did. */
const BACKLOG_MS = 20_000
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100
const AGE_SAMPLES = 40

const photographs = ({ target }: BenchServer, count: number, connections: number): Load => ({
  form: target.form,
  sizeBytes: 10 * KIB,
  connections,
  goesOn: (done) => done + connections <= count,
  picture: PHOTOGRAPH,
})

/** Looks until all are done or patience ends. @returns how many were done, and after how many seconds. */
async function waitFor(
  count: () => Promise<number>,
  all: number,
  patienceMs: number,
  everyMs = LOOK_EVERY_MS,
): Promise<{ done: number; seconds: number }> {
  const began = performance.now()
  for (;;) {
    const done = await count()
    const ms = performance.now() - began
    if (done >= all || ms > patienceMs) return { done, seconds: ms / 1000 }
    await setTimeout(everyMs)
  }
}

/** From the answer to an upload until its title is in Redis, while there is little else to do. */
async function titleAges(server: BenchServer, redis: Redis, samples: number): Promise<number[]> {
  const ages: number[] = []
  const client = async () => {
    while (ages.length < samples) {
      const { uploads } = await putLoad(server.port, photographs(server, 1, 1))
      const began = performance.now()
      const { id } = JSON.parse(uploads[0]?.body.toString() ?? '')
      const isThere = () => redis.exists(`${server.stores.redisPrefix}title:${id}`)
      const { done } = await waitFor(isThere, 1, PATIENCE_MS, 2)
      if (done === 0) throw new Error(`the title of ${id} does not reach Redis`)
      ages.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: 4 }, client))
  return ages
}

export const PIPELINE: readonly Workload[] = [
  {
    name: 'pipeline',
    title: `photographs of 10 KiB described and titled by ${WORKERS} workers; PostgreSQL, MongoDB's protocol, Redis`,
    figure: 'media/s',
    targets: ['mediaport-stores'],
    async measure(server, { isShort }) {
      const mongo = new MongoClient(server.stores.mongoUrl)
      const redis = new Redis(server.stores.redisUrl)
      const counts = async () => {
        const described = await mongo.db().collection('media_metadata').countDocuments()
        const titles = await redis.keys(`${server.stores.redisPrefix}title:*`)
        return Math.min(described, titles.length)
      }
      try {
        const startWorkers = () => Promise.all(Array.from({ length: WORKERS }, (_, n) => server.startWorker(n)))
        await startWorkers()
        const ages = await titleAges(server, redis, isShort ? 5 : AGE_SAMPLES)
        const first = await waitFor(counts, ages.length, PATIENCE_MS)
        await server.stopOthers('SIGTERM')
        const { uploads } = await putLoad(server.port, photographs(server, isShort ? 48 : BACKLOG, 16))
        await startWorkers()
        const before = await counts()
        const all = first.done + uploads.length
        const { done, seconds } = await waitFor(counts, all, BACKLOG_MS)
        if (isShort && done < all) throw new Error(`${done} of ${all} are described and titled`)
        return {
          'media/s': (done - before) / seconds,
          done: done - before,
          'title age p50 ms': median(ages),
          'title age p90 ms': quantile(ages, 0.9),
        }
      } finally {
        await mongo.close()
        redis.disconnect()
      }
    },
  },
  {
    name: 'described',
    title: 'until the last of 10 KiB × 16 connections is described, with the worker in the process',
    figure: 'seconds',
    isLowerBetter: true,
    targets: ['mediaport-inline'],
    async measure(server, { seconds, isShort }) {
      const load = photographs(server, 0, 16)
      const { uploads } = await putLoad(server.port, { ...load, goesOn: forMs(isShort ? 100 : seconds * 1000) })
      const count = async () => {
        const { rows } = (await server.database?.query('select count(*) from media_metadata')) ?? {}
        return Number(rows?.[0]?.count)
      }
      const { done, seconds: took } = await waitFor(count, uploads.length, PATIENCE_MS)
      if (isShort && done < uploads.length) throw new Error(`${done} of ${uploads.length} are described`)
      return { seconds: took, uploads: uploads.length, done }
    },
  },
]
