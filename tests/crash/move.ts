/** Kills `mediaport move` repeatedly while clients read every file that it moves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startLocalImagekit } from '../imagekit/local-server.ts'
import { ServerProcess } from '../integration/mediaport-process.ts'
import { newDatabase } from '../integration/postgres.ts'
import { sha256 } from '../samples.ts'
import { imagekitVariables } from '../support/imagekit-variables.ts'
import { folderUntilExit, hasExited, killOnExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { secondsUntil } from './faults.ts'
import { followRedirect, sendRequest } from './http-client.ts'
import type { Part } from './part.ts'
import { upload } from './timed-requests.ts'

const CLI = join(import.meta.dirname, '../../src/main/cli.ts')
/** A killed copy is abandoned after twenty leases. */
const LEASE_SECONDS = 1
const TIMEOUT_MS = 60_000

export const move: Part = async ({ isFull, report }) => {
  const [media, kills] = isFull ? [200, 10] : [60, 3]
  const folder = folderUntilExit()
  const [database, vendor] = [await newDatabase(), await startLocalImagekit()]
  // The bandwidth to such a service.
  vendor.faults.upload = { type: 'slow receiver', bytesPerSecond: 2_000_000 }
  const variables = {
    DATA_DIR: folder,
    DATABASE_URL: database.url,
    UPLOAD_LEASE_SECONDS: String(LEASE_SECONDS),
    REAP_EVERY_SECONDS: '1',
    FORGET_AFTER_SECONDS: '3',
    STORAGE: 'filesystem',
    ...imagekitVariables(vendor),
    IMAGEKIT_PRIVATE: 'off',
  }
  const [server, log] = [ServerProcess.launch(variables), new ClientLog()]
  killOnExit(server.child)
  await server.ready()
  for (let n = 0; n < media; n++) await upload(server.url, log, { title: String(n), size: 100_000 })
  if (log.acknowledged.length < media) throw new Error(`Only ${log.acknowledged.length} of ${media} uploads succeeded.`)

  let [reads, misses] = [0, 0]
  const stop = new AbortController()
  const reader = async () => {
    while (!stop.signal.aborted)
      for (const { ids, sha256: digest } of log.acknowledged) {
        if (stop.signal.aborted) return
        const answer = await followRedirect(await sendRequest(`${server.url}/media/${[...ids][0]}/content/`))
        reads++
        if (answer?.status !== 200 || sha256(answer.body) !== digest) misses++
      }
  }
  const readers = Promise.all([reader(), reader()])

  const mover = () => {
    const child = spawn(process.execPath, [CLI, 'move', '--from', 'filesystem', '--to', 'imagekit'], {
      env: { PATH: process.env['PATH'] ?? '', ...variables },
      stdio: 'ignore',
    })
    killOnExit(child)
    return child
  }
  let killed = 0
  while (killed < kills) {
    const child = mover()
    const before = vendor.library.all.length
    // In the middle of the remaining work, counted in files and not in time.
    const until = before + Math.max(1, Math.floor((media - before) / (kills - killed + 1)))
    while (!hasExited(child) && vendor.library.all.length < until) await setTimeout(5)
    if (hasExited(child)) break
    child.kill('SIGKILL')
    await once(child, 'exit')
    killed++
    report(`killed ${killed} times, ${vendor.library.all.length} files at the other storage`)
  }
  const last = mover()
  const [status] = await once(last, 'exit')

  const filesLeft = async () =>
    (await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const isMoved = async () => vendor.library.all.length === media && (await filesLeft()).length === 0
  await secondsUntil(isMoved, TIMEOUT_MS)
  stop.abort()
  await readers
  const { rows } = await database.query(`select storage_key from media_job where storage = 'imagekit'`)
  const keys = new Set(rows.map(({ storage_key }) => storage_key))
  const [there, here] = [vendor.library.all, await filesLeft()]
  const unknown = there.filter(({ name }) => !keys.has(name)).length

  await server.kill('SIGTERM')
  await Promise.all([vendor.close(), database.drop()])
  return [
    {
      what: 'move to another storage, killed (-9) while clients read',
      tried: `${killed} kills, ${media} media items, ${reads} reads`,
      outcome: `${misses} not readable, ${keys.size} moved, ${here.length} left behind, ${unknown} orphaned`,
      passed:
        status === 0 && killed === kills && misses === 0 && keys.size === media && here.length === 0 && unknown === 0,
      counts: { times: killed, lost: misses + media - keys.size, doubled: 0, orphaned: here.length + unknown },
    },
  ]
}
