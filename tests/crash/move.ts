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
import { startLocalImagekit } from '../imagekit/local-server.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { sha256 } from '../samples.ts'
import { ask, follow } from './ask.ts'
import { ClientLog } from './client-log.ts'
import { endsWithUs, hasEnded } from './ends-with-us.ts'
import { type Part, runAlone } from './part.ts'
import { upload } from './told.ts'

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
  const [server, log] = [ServerProcess.launch(variables), new ClientLog()]
  endsWithUs(server.child)
  await server.ready()
  for (let n = 0; n < media; n++) await upload(server.url, log, { title: String(n), size: 100_000 })
  if (log.acknowledged.length < media) throw new Error(`only ${log.acknowledged.length} of ${media} uploads were taken`)

  let [reads, misses] = [0, 0]
  const over = new AbortController()
  const reader = async () => {
    while (!over.signal.aborted)
      for (const { ids, sha256: digest } of log.acknowledged) {
        if (over.signal.aborted) return
        const answer = await follow(await ask(`${server.url}/media/${[...ids][0]}/content/`))
        reads++
        if (answer?.status !== 200 || sha256(answer.body) !== digest) misses++
      }
  }
  const reading = Promise.all([reader(), reader()])

  const mover = () => {
    const child = spawn(process.execPath, [CLI, 'move', '--from', 'filesystem', '--to', 'imagekit'], {
      env: { PATH: process.env['PATH'] ?? '', ...variables },
      stdio: 'ignore',
    })
    endsWithUs(child)
    return child
  }
  let killed = 0
  while (killed < kills) {
    const child = mover()
    const before = vendor.library.all.length
    // Somewhere in the midst of what is left for it, counted in files and not in time.
    const until = before + Math.max(1, Math.floor((media - before) / (kills - killed + 1)))
    while (!hasEnded(child) && vendor.library.all.length < until) await setTimeout(5)
    if (hasEnded(child)) break
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

if (import.meta.main) await runAlone(move)
