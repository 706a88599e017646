/** Kills `mediaport move` repeatedly while clients read every file that it moves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sha256 } from '../samples.ts'
import { hasExited, killOnExit } from '../support/processes.ts'
import { readContent, upload } from './client.ts'
import { filesIn } from './stores.ts'
import { expectNothingLost, isFull, until, useInstallation } from './suite.ts'

const CLI = join(import.meta.dirname, '../../src/main/cli.ts')
const [MEDIA, KILLS] = isFull ? [200, 10] : [60, 3]

// A killed copy is abandoned after twenty leases.
const installation = await useInstallation('imagekit', { STORAGE: 'filesystem', UPLOAD_LEASE_SECONDS: '1' })
const { database, log, variables, vendor } = installation
if (!vendor) throw new Error('The installation has no ImageKit.')
// The bandwidth to such a service.
vendor.faults.upload = { type: 'slow receiver', bytesPerSecond: 2_000_000 }
const { url } = await installation.start()
const moved = () => vendor.library.all.length

function startMove() {
  const child = spawn(process.execPath, [CLI, 'move', '--from', 'filesystem', '--to', 'imagekit'], {
    env: { PATH: process.env['PATH'] ?? '', ...variables },
    stdio: 'ignore',
  })
  killOnExit(child)
  return child
}

test('move to another storage is killed (-9) while clients read', { meta: { tried: KILLS } }, async (context) => {
  for (let n = 0; n < MEDIA; n++)
    expect(await upload(url, log, { title: String(n), size: 100_000 })).toMatchObject({ status: 201 })
  let [reads, misses] = [0, 0]
  const stop = new AbortController()
  const read = async () => {
    while (!stop.signal.aborted)
      for (const { ids, sha256: digest } of log.acknowledged) {
        if (stop.signal.aborted) return
        const { status, bytes } = await readContent(`${url}/media/${[...ids][0]}/content/`)
        reads++
        if (status !== 200 || sha256(bytes) !== digest) misses++
      }
  }
  const readers = Promise.all([read(), read()])

  for (let killed = 0; killed < KILLS; killed++) {
    const child = startMove()
    const before = moved()
    // In the middle of the remaining work, counted in files and not in time.
    const goal = before + Math.max(1, Math.floor((MEDIA - before) / (KILLS - killed + 1)))
    while (!hasExited(child) && moved() < goal) await setTimeout(5)
    expect(hasExited(child)).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const [status] = await once(startMove(), 'exit')
  expect(status).toBe(0)

  const isMoved = async () => {
    const files = [...(await filesIn(variables['DATA_DIR'] ?? '')).keys()]
    return moved() === MEDIA && !files.some((file) => file.startsWith('filesystem '))
  }
  await until('all files are moved', isMoved, 60_000)
  stop.abort()
  await readers
  await context.annotate(`${reads} reads`)
  expect(misses).toBe(0)
  const rows = await database.query(`select from media_job where storage = 'imagekit'`)
  expect(rows.rowCount).toBe(MEDIA)
  await expectNothingLost(installation, context)
})
