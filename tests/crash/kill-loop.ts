/**
 * Kills a server on its embedded database again and again, in the midst of what four clients send, and then looks
 * whether all that it acknowledged is there, once, and nothing else.
 *
 *   node tests/crash/kill-loop.ts [--kills 50] [--seed 1]
 */
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { PGlite } from '@electric-sql/pglite'
import { field, file, form } from '../e2e/multipart.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { chunksOf, pngOf, sha256 } from '../samples.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '50' }, seed: { type: 'string', default: '1' } },
})
const KILLS = Number(values.kills)
const CLIENTS = 4
const [LEASE, REAP, FORGET] = [2, 1, 3]
const PATIENCE_MS = 60_000

const folder = await mkdtemp(join(tmpdir(), 'mediaport-kill-'))
const variables = {
  DATA_DIR: folder,
  UPLOAD_LEASE_SECONDS: `${LEASE}`,
  REAP_EVERY_SECONDS: `${REAP}`,
  FORGET_AFTER_SECONDS: `${FORGET}`,
}

interface Acknowledged {
  readonly id: string
  readonly key: string
  readonly sha256: string
}

const acknowledged: Acknowledged[] = []
let server: ServerProcess | undefined
const ending = new AbortController()
/** When the last server must have taken all that is still under way. */
let deadline = Number.POSITIVE_INFINITY
let current: ServerProcess | undefined
process.on('exit', () => current?.child.kill('SIGKILL'))

const clients = Array.from({ length: CLIENTS }, (_, n) => client(n, seeded(Number(values.seed) * 1000 + n)))
const random = seeded(Number(values.seed))
for (let kill = 0; kill < KILLS; kill++) {
  const next = ServerProcess.launch(variables)
  current = next
  // One in ten dies while it starts: migrations, recovery of the database, the first jobs.
  if (random() < 0.1) await setTimeout(random() * 2000)
  else {
    await next.ready()
    server = next
    await setTimeout(random() * 1500)
  }
  server = undefined
  await next.kill('SIGKILL')
}
current = server = await ServerProcess.start(variables)
ending.abort()
deadline = performance.now() + PATIENCE_MS
await Promise.all(clients)
// Lease, a round that puts away, one that discards, the time until a row is forgotten, and a round for that.
await setTimeout((LEASE + FORGET + 4 * REAP) * 1000)

let lost = 0
for (const { id, sha256: expected } of acknowledged) {
  const content = await fetch(`${server.url}/media/${id}/content/`)
  const found = sha256(Buffer.from(await content.arrayBuffer()))
  if (content.status !== 200 || found !== expected) lost++
}
const { url } = server
const readable = (await list(url)).map(({ sha256 }) => sha256)
await server.kill('SIGTERM')

const database = await PGlite.create(join(folder, 'db'))
const { rows } = await database.query<{ state: string; storage_key: string; sha256: string }>('select * from media_job')
await database.close()
const stored = rows.filter(({ state }) => state === 'stored')
const doubledBytes = stored.length - new Set(stored.map((row) => row.sha256)).size
const doubledKeys = acknowledged.length - new Set(acknowledged.map(({ id }) => id)).size
const keys = new Set(stored.map(({ storage_key }) => storage_key))
const entries = await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true })
const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
const strays = files.filter((name) => !keys.has(name))
const unfinished = rows.filter(({ state }) => state !== 'stored')
if (readable.length !== stored.length) lost += Math.abs(readable.length - stored.length)
const doubled = doubledBytes + doubledKeys
const orphaned = strays.length + unfinished.length
for (const stray of strays) console.error(`no row knows ${stray}`)
for (const row of unfinished) console.error(`left over: ${JSON.stringify(row)}`)
console.log(
  `${KILLS} kills, ${acknowledged.length} acknowledged, ${lost} lost, ${doubled} doubled, ${orphaned} orphaned`,
)
if (lost + doubled + orphaned > 0) {
  console.error(`seed ${values.seed}; what is left lies in ${folder}`)
  process.exitCode = 1
} else await rm(folder, { recursive: true })

/** Uploads one file after the other, each under a key of its own, and sends it again until it is taken. */
async function client(number: number, random: () => number): Promise<void> {
  for (let count = 0; !ending.signal.aborted; count++) {
    const key = `client-${number}-upload-${count}`
    const bytes = pngOf(100 + Math.floor(random() ** 3 * 2_000_000), key)
    const pause = random() < 0.5 ? 0 : random() * 60
    // Some never come back: what they left is for the server alone to clear away.
    const gaveUpAfter = random() < 0.2 ? 1 : Number.POSITIVE_INFINITY
    for (let tries = 0; tries < gaveUpAfter; ) {
      if (performance.now() > deadline) throw new Error(`${key} is not taken`)
      const to = server
      if (!to) {
        await setTimeout(20)
        continue
      }
      tries++
      const answer = await send(to.url, key, bytes, pause).catch(() => undefined)
      if (answer?.status === 201) {
        acknowledged.push({ id: answer.body.id, key, sha256: sha256(bytes) })
        break
      }
      if (answer && answer.status !== 409 && answer.status !== 503)
        throw new Error(`${key}: ${answer.status} ${JSON.stringify(answer.body)}`)
      await setTimeout(50)
    }
  }
}

async function send(url: string, key: string, bytes: Buffer, pause: number) {
  const body = form(field('title', key), file(bytes))
  const sending = request(`${url}/upload/`, {
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': 'multipart/form-data; boundary=the-boundary',
      'Content-Length': body.length,
      'Idempotency-Key': key,
    },
  })
  sending.on('error', () => {})
  const answered = once(sending, 'response')
  // Heard below, after the last byte; a connection that breaks before must not end this process.
  answered.catch(() => undefined)
  for (const chunk of chunksOf(body, 64 * 1024)) {
    if (sending.destroyed) break
    sending.write(chunk)
    if (pause > 0) await setTimeout(pause)
  }
  sending.end()
  const [response] = await answered
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: Number(response.statusCode), body: JSON.parse(Buffer.concat(chunks).toString()) }
}

async function list(url: string): Promise<{ sha256: string }[]> {
  const all: { sha256: string }[] = []
  for (let cursor = ''; ; ) {
    const page = (await (await fetch(`${url}/media/?limit=100${cursor}`)).json()) as {
      items: { sha256: string }[]
      next: string | null
    }
    all.push(...page.items)
    if (page.next === null) return all
    cursor = `&cursor=${page.next}`
  }
}

/** Numbers from 0 to 1 that look random and are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
