/** A disk that is full, read-only, inaccessible or broken. Requires root to mount a small file system. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { file, form, get, post } from '../e2e/multipart.ts'
import { json, Wire } from '../e2e/wire.ts'
import { type HttpResponse, readContent, upload } from './client.ts'
import { preload } from './installation.ts'
import { ownDisk } from './own-disk.ts'
import { cannotTest, expectHealth, notInstalled, testVerdict, untilUploadsSucceed, useInstallation } from './suite.ts'

const run = promisify(execFile)
const SIZE = '8m'
const TOO_MUCH = 12_000_000
const NOBODY = 65_534
/** Each try fails with a probability of 0.3, so the probability that none fails is less than one in a million. */
const TRIES = 40
/** libfiu (Debian: fiu-utils) makes calls of the C library fail in the process that preloads it. */
const LIBFIU = ['/usr/lib/fiu/fiu_run_preload.so', '/usr/lib/fiu/fiu_posix_preload.so']
const BROKEN_CALLS = { 'fsync fails (EIO)': 'posix/io/sync/fsync', 'rename fails (EIO)': 'posix/io/dir/rename' }

const disk = await ownDisk(SIZE)
if ('reason' in disk) cannotTest('a full, read-only, inaccessible or broken disk', disk.reason)
else await testDisk(disk.folder)
cannotTest('the quota of the user is exceeded (EDQUOT)', 'a tmpfs has no quotas; ENOSPC is handled in the same way')
cannotTest('a write fails (EIO)', 'libfiu would also fail writes to sockets; fsync and rename are tested instead')

async function testDisk(folder: string): Promise<void> {
  const installation = await useInstallation('filesystem', { DATA_DIR: folder })
  const { log } = installation
  const { url, child } = await installation.start()
  let count = 0
  const send = (size = 50_000, server = url, pauseMs = 0) =>
    upload(server, log, { title: `upload ${++count}`, size, pauseMs })
  const limitFiles = (files: number) => run('prlimit', ['--pid', `${child.pid}`, `--nofile=${files}:`])
  const readEarlier = () => readContent(`${url}/media/${[...(log.acknowledged[0]?.ids ?? [])][0]}/content/`)
  const FULL = { status: 507, code: 'insufficient-storage' }
  const UNAVAILABLE = { status: 503, code: 'unavailable', headers: { 'retry-after': expect.anything() } }

  test('the disk becomes full (ENOSPC) during an upload, and another upload runs at the same time', async (context) => {
    // The second chunk of the small file arrives after the disk was full.
    const [small, large] = await Promise.all([send(150_000, url, 1000), send(TOO_MUCH)])
    expect(large).toMatchObject(FULL)
    expect(small).toMatchObject({ status: 201 })
    expect(small.seconds).toBeGreaterThan(large.seconds)
    await untilUploadsSucceed(url, installation, context)
  })

  test('the disk is full (ENOSPC) from the start', async (context) => {
    const filler = join(folder, 'filler')
    await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => undefined)
    expect(await send()).toMatchObject(FULL)
    expect(await readEarlier()).toMatchObject({ status: 200 })
    await expectHealth(url, 503)
    await rm(filler)
    await untilUploadsSucceed(url, installation, context)
  })

  test('the disk is read-only (EROFS)', async (context) => {
    await run('mount', ['-o', 'remount,ro', folder])
    expect(await send()).toMatchObject(UNAVAILABLE)
    expect(await readEarlier()).toMatchObject({ status: 200 })
    await expectHealth(url, 503)
    await run('mount', ['-o', 'remount,rw', folder])
    await untilUploadsSucceed(url, installation, context)
  })

  test('the process cannot open another file (EMFILE)', async (context) => {
    // Opens all connections first, so that neither the client nor the database needs a file descriptor later.
    const wires = Array.from({ length: 6 }, () => new Wire(Number(new URL(url).port)))
    await Promise.all(wires.map(async (each) => (await each.send(get('/media/'))).answer()))
    await limitFiles(1)
    const answer = await (await wires[0]?.send(post(form(file()))))?.answer()
    for (const each of wires) each.leave()
    expect(answer?.status).toBe(503)
    expect(answer && json(answer)).toMatchObject({ dependency: 'storage' })
    await limitFiles(1024)
    await expectHealth(url, 503)
    await untilUploadsSucceed(url, installation, context)
  })

  test('the process has no permission to the folder (EACCES)', async (context) => {
    await run('chown', ['-R', `${NOBODY}:${NOBODY}`, folder])
    const server = await installation.start('serve', { NODE_OPTIONS: preload('as-nobody.ts'), WORKER: 'off' })
    await untilUploadsSucceed(server.url, installation, context)
    const [files = ''] = (await readdir(join(folder, 'files'))).map((name) => join(folder, 'files', name))
    await chown(files, 0, 0)
    await chmod(files, 0o700)
    expect(await send(50_000, server.url)).toMatchObject(UNAVAILABLE)
    await expectHealth(server.url, 503)
    await chown(files, NOBODY, NOBODY)
    await untilUploadsSucceed(server.url, installation, context)
    await installation.kill(server)
  })

  if (!LIBFIU.every((library) => existsSync(library)))
    notInstalled('fsync and rename fail', 'libfiu (Debian: fiu-utils)')
  else
    test.for(Object.entries(BROKEN_CALLS))('%s at random', async ([, call], { annotate }) => {
      const server = await installation.start('serve', {
        LD_PRELOAD: LIBFIU.join(':'),
        FIU_ENABLE: `enable_random name=${call},probability=0.3,failinfo=5`,
      })
      const answers: HttpResponse[] = []
      for (let n = 0; n < TRIES; n++) answers.push(await send(50_000, server.url))
      const stored = answers.filter(({ status }) => status === 201).length
      const refused = answers.filter(({ status, code }) => status === 503 && code === 'unavailable').length
      await annotate(`${stored} × 201, ${refused} × 503 unavailable`)
      expect(stored + refused).toBe(TRIES)
      expect(refused).toBeGreaterThan(0)
      await installation.kill(server)
    })

  testVerdict(installation)
}
