/**
 * Kills `mediaport move` again and again while readers ask for everything that it moves:
 *
 *   tests/services/postgres.sh node tests/crash/move.ts [--full]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { file, form } from '../e2e/multipart.ts'
import { startLocalImagekit } from '../imagekit/local-server.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { pngOf, sha256 } from '../samples.ts'
import { type Part, runAlone } from './part.ts'

const CLI = join(import.meta.dirname, '../../src/main/cli.ts')
/** A killed copy is put away after twenty leases. */
const LEASE_SECONDS = 1
const PATIENCE_MS = 60_000

export const move: Part = async ({ isFull, say }) => {
  const [media, kills] = isFull ? [200, 10] : [60, 3]
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-move-'))
  const [database, vendor] = [await newDatabase(), await startLocalImagekit()]
  // As far away as such a service is.
  vendor.faults.upload = { type: 'slow receiver', bytesPerSecond: 2_000_000 }
  const variables = {
    DATA_DIR: folder,
    DATABASE_URL: database.url,
    UPLOAD_LEASE_SECONDS: String(LEASE_SECONDS),
    REAP_EVERY_SECONDS: '1',
    FORGET_AFTER_SECONDS: '3',
    STORAGE: 'filesystem',
    IMAGEKIT_PRIVATE_KEY: vendor.privateKey,
    IMAGEKIT_URL_ENDPOINT: vendor.urlEndpoint,
    IMAGEKIT_UPLOAD_URL: vendor.url,
    IMAGEKIT_API_URL: vendor.url,
  }
  const server = await ServerProcess.start(variables)
  const files = new Map<string, string>()
  for (let n = 0; n < media; n++) files.set(...(await upload(server.url, pngOf(100_000, String(n)))))

  let [reads, misses] = [0, 0]
  const over = new AbortController()
  const reader = async () => {
    while (!over.signal.aborted)
      for (const [id, digest] of files) {
        if (over.signal.aborted) return
        const answer = await fetch(`${server.url}/media/${id}/content/`)
        reads++
        if (!answer.ok || sha256(Buffer.from(await answer.arrayBuffer())) !== digest) misses++
      }
  }
  const reading = Promise.all([reader(), reader()])

  const mover = () =>
    spawn(process.execPath, [CLI, 'move', '--from', 'filesystem', '--to', 'imagekit'], {
      env: { PATH: process.env['PATH'] ?? '', ...variables },
      stdio: 'ignore',
    })
  let killed = 0
  while (killed < kills) {
    const child = mover()
    const before = vendor.library.all.length
    // Somewhere in the midst of what is left for it, counted in files and not in time.
    const until = before + Math.max(1, Math.floor((media - before) / (kills - killed + 1)))
    while (child.exitCode === null && vendor.library.all.length < until) await setTimeout(5)
    if (child.exitCode !== null) break
    child.kill('SIGKILL')
    await once(child, 'exit')
    killed++
    say(`killed ${killed} times, ${vendor.library.all.length} files at the other storage`)
  }
  const last = mover()
  const [status] = await once(last, 'exit')

  const filesLeft = async () =>
    (await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const isAtRest = async () => vendor.library.all.length === media && (await filesLeft()).length === 0
  for (const until = performance.now() + PATIENCE_MS; !(await isAtRest()) && performance.now() < until; )
    await setTimeout(100)
  over.abort()
  await reading
  const { rows } = await database.query(`select storage_key from media_job where storage = 'imagekit'`)
  const named = new Set(rows.map(({ storage_key }) => storage_key))
  const [there, here] = [vendor.library.all, await filesLeft()]
  const unknown = there.filter(({ name }) => !named.has(name)).length

  await server.kill('SIGTERM')
  await Promise.all([vendor.close(), database.drop(), rm(folder, { recursive: true })])
  return [
    {
      what: 'move to another storage, killed (-9) in its midst, under readers',
      tried: `${killed} kills, ${media} media, ${reads} reads`,
      outcome: `${misses} not readable, ${named.size} moved, ${here.length} left behind, ${unknown} orphaned`,
      isAsPromised:
        status === 0 && killed === kills && misses === 0 && named.size === media && here.length === 0 && unknown === 0,
      counts: { times: killed, lost: misses + media - named.size, doubled: 0, orphaned: here.length + unknown },
    },
  ]
}

async function upload(url: string, bytes: Buffer): Promise<[id: string, digest: string]> {
  const headers = { 'Content-Type': 'multipart/form-data; boundary=the-boundary' }
  const body = new Uint8Array(form(file(bytes)))
  const answer = await fetch(`${url}/upload/`, { method: 'POST', headers, body })
  const { id } = (await answer.json()) as { id: string }
  return [id, sha256(bytes)]
}

if (import.meta.main) await runAlone(move)
