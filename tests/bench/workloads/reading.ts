import { createHash, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, forMs, fromAll, type Loaded, putLoad } from '../load.ts'
import { Payload } from '../payload.ts'
import { cpuMs } from '../process-usage.ts'
import type { BenchServer } from '../server.ts'
import { median, quantile } from '../statistics.ts'
import { KIB, MIB, type Settings, type Values, type Workload } from '../workload.ts'

const FILES = 32

/** Something to get, and what its body must be. */
interface Item {
  readonly path: string
  isRight(body: Buffer): boolean
}

interface StoredFile {
  readonly id: string
  readonly file_id: string
}

async function read(server: BenchServer, items: readonly Item[], connections: number, settings: Settings) {
  const times: number[] = []
  const run = (ms: number) => {
    let next = 0
    return fromAll(server.port, connections, forMs(ms), () => async (connection) => {
      const item = items[next++ % items.length]
      if (!item) return
      const began = performance.now()
      const answer = await connection.get(item.path)
      expect(answer, 200)
      times.push(performance.now() - began)
      // Each once, for a check of all would cost more than the answers.
      if (next <= items.length && !item.isRight(answer.body)) throw new Error(`${item.path} has another body`)
    })
  }
  await run(settings.isShort ? 100 : 1000)
  times.length = 0
  const cpuBefore = cpuMs(server.pid)
  const seconds = await run(settings.seconds * 1000)
  const values: Values = {
    'requests/s': times.length / seconds,
    'p50 ms': median(times),
    'p99 ms': quantile(times, 0.99),
    'CPU ms': (cpuMs(server.pid) - cpuBefore) / times.length,
  }
  return values
}

const fill = (server: BenchServer, sizeBytes: number): Promise<Loaded> =>
  putLoad(server.port, { form: server.target.form, sizeBytes, connections: 4, goesOn: (count) => count < FILES })

/** Where a target serves a file. */
const PATHS: Record<string, (file: StoredFile) => string> = {
  'bare-insert': ({ file_id }) => `/${file_id}`,
  'bare-durable': ({ id }) => `/${id}`,
  'koa-multer': ({ id }) => `/${id}`,
  mediaport: ({ id }) => `/media/${id}/content/`,
}

async function uploadedFiles(server: BenchServer): Promise<Item[]> {
  const { uploads } = await fill(server, MIB)
  return uploads.map(({ payload, nonce, body }) => {
    const sent = payload.sha256(nonce)
    return {
      path: PATHS[server.target.name]?.(JSON.parse(body.toString())) ?? '',
      isRight: (got) => sent === digest(got),
    }
  })
}

/** For a server that takes no uploads. */
async function writtenFiles(server: BenchServer): Promise<Item[]> {
  const folder = join(server.folder, 'files')
  await mkdir(folder, { recursive: true })
  return Promise.all(
    Array.from({ length: FILES }, async (_, nonce) => {
      const name = randomUUID()
      const [bytes = Buffer.alloc(0)] = new Payload('raw', MIB).request(nonce)
      const file = bytes.subarray(-MIB)
      await writeFile(join(folder, name), file)
      return { path: `/${name}`, isRight: (got: Buffer) => got.equals(file) }
    }),
  )
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export const READING: readonly Workload[] = [
  {
    name: 'download',
    title: 'downloads of 1 MiB × 8 connections',
    figure: 'requests/s',
    targets: ['bare-insert', 'bare-durable', 'koa-multer', 'nginx', 'mediaport'],
    async measure(server, settings) {
      const items = await (server.target.name === 'nginx' ? writtenFiles(server) : uploadedFiles(server))
      return read(server, items, 8, settings)
    },
  },
  {
    name: 'titles',
    title: 'GET /media/{id}/title/ × 16 connections, from Redis and by PostgreSQL',
    figure: 'requests/s',
    targets: ['mediaport', 'mediaport-stores'],
    async measure(server, settings) {
      const { uploads } = await fill(server, 10 * KIB)
      const items = uploads.map(({ body }): Item => {
        const { id, title } = JSON.parse(body.toString())
        return { path: `/media/${id}/title/`, isRight: (got) => JSON.parse(got.toString()).title === title }
      })
      const values = await read(server, items, 16, settings)
      return { ...values, 'requests per CPU s': 1000 / (values['CPU ms'] ?? 0) }
    },
  },
]
