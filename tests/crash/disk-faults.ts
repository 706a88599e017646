/** A disk that is full, read-only, inaccessible or broken. Requires root to mount a small file system. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { file, form, get, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { ClientLog } from './client-log.ts'
import { type Check, type Fault, notInstalled, playFaults, skippedRow } from './faults.ts'
import { Installation, preload, type Variables } from './installation.ts'
import { ownDisk } from './own-disk.ts'
import type { Part } from './part.ts'
import { checkHealth, checkUploads, format, request, type TimedResponse, upload } from './timed-requests.ts'

const run = promisify(execFile)
const SIZE = '8m'
const TOO_MUCH = 12_000_000
const NOBODY = 65_534
/** Each try fails with a probability of 0.3, so the probability that none fails is less than one in a million. */
const TRIES = 40
/** libfiu (Debian: fiu-utils) makes calls of the C library fail in the process that preloads it. */
const LIBFIU = ['/usr/lib/fiu/fiu_run_preload.so', '/usr/lib/fiu/fiu_posix_preload.so']
const BROKEN_CALLS = { 'fsync fails (EIO)': 'posix/io/sync/fsync', 'rename fails (EIO)': 'posix/io/dir/rename' }

export const diskFaults: Part = async (options) => {
  const disk = await ownDisk(SIZE)
  if ('reason' in disk) return [skippedRow('a full, read-only, inaccessible or broken disk', disk.reason)]
  const { folder } = disk
  const [installation, log] = [await Installation.open('filesystem', { DATA_DIR: folder }), new ClientLog()]
  const { url, child } = await installation.start()
  const hasLibfiu = LIBFIU.every((library) => existsSync(library))
  let count = 0
  const send = (size = 50_000, server = url, pauseMs = 0) =>
    upload(server, log, { title: `upload ${++count}`, size, pauseMs })
  const works = (check: Check, server = url) => checkUploads(check, server, log)
  const prlimit = (files: number) => run('prlimit', ['--pid', `${child.pid}`, `--nofile=${files}:`])

  const faults: Fault[] = [
    {
      what: 'the disk becomes full (ENOSPC) during an upload, and another upload runs at the same time',
      isAlone: true,
      async play(check) {
        // The second chunk of the small file arrives after the disk was full.
        const [small, large] = await Promise.all([send(150_000, url, 1000), send(TOO_MUCH)])
        check(format(large), large.status === 507 && large.code === 'insufficient-storage')
        check(`the other ${format(small)}`, small.status === 201 && small.seconds > large.seconds)
        await works(check)
      },
    },
    {
      what: 'the disk is full (ENOSPC) from the start',
      isAlone: true,
      async play(check) {
        const filler = join(folder, 'filler')
        await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => undefined)
        const answer = await send()
        check(format(answer), answer.status === 507 && answer.code === 'insufficient-storage')
        await checkRead(check, url, log)
        await checkHealth(check, url, 503)
        await rm(filler)
        await works(check)
      },
    },
    {
      what: 'the disk is read-only (EROFS)',
      isAlone: true,
      async play(check) {
        await run('mount', ['-o', 'remount,ro', folder])
        checkUnavailable(check, await send())
        await checkRead(check, url, log)
        await checkHealth(check, url, 503)
        await run('mount', ['-o', 'remount,rw', folder])
        await works(check)
      },
    },
    {
      what: 'the process cannot open another file (EMFILE)',
      isAlone: true,
      async play(check) {
        // Opens all connections first, so that neither the client nor the database needs a file descriptor later.
        const wires = Array.from({ length: 6 }, () => new Wire(Number(new URL(url).port)))
        await Promise.all(wires.map(async (each) => (await each.send(get('/media/'))).answer()))
        await prlimit(1)
        const answer = await (await wires[0]?.send(post(form(file()))))?.answer()
        for (const each of wires) each.leave()
        const { dependency } = JSON.parse(String(answer?.body))
        check(`${answer?.status} of ${dependency}`, answer?.status === 503 && dependency === 'storage')
        await prlimit(1024)
        await checkHealth(check, url, 503)
        await works(check)
      },
    },
    {
      what: 'the process has no permission to the folder (EACCES)',
      isAlone: true,
      async play(check) {
        await run('chown', ['-R', `${NOBODY}:${NOBODY}`, folder])
        const server = await installation.start('serve', { NODE_OPTIONS: preload('as-nobody.ts'), WORKER: 'off' })
        await works(check, server.url)
        const [files = ''] = (await readdir(join(folder, 'files'))).map((name) => join(folder, 'files', name))
        await chown(files, 0, 0)
        await chmod(files, 0o700)
        checkUnavailable(check, await send(50_000, server.url))
        await checkHealth(check, server.url, 503)
        await chown(files, NOBODY, NOBODY)
        await works(check, server.url)
        await installation.kill(server)
      },
    },
    ...(hasLibfiu ? Object.entries(BROKEN_CALLS) : []).map(
      ([what, call]): Fault => ({
        what: `${what} at random`,
        tried: `${TRIES} uploads`,
        isAlone: true,
        async play(check) {
          const server = await installation.start('serve', broken(call))
          const answers: TimedResponse[] = []
          for (let n = 0; n < TRIES; n++) answers.push(await send(50_000, server.url))
          const stored = answers.filter(({ status }) => status === 201).length
          const refused = answers.filter(({ status, code }) => status === 503 && code === 'unavailable').length
          check(`${stored} × 201, ${refused} × 503 unavailable`, stored + refused === TRIES && refused > 0)
          await installation.kill(server)
        },
      }),
    ),
  ]
  const rows = await playFaults('disk', faults, installation, log, options)
  return [
    ...rows,
    skippedRow(
      'the quota of the user is exceeded (EDQUOT)',
      'a tmpfs has no quotas; ENOSPC is handled in the same way',
    ),
    skippedRow('a write fails (EIO)', 'libfiu would also fail writes to sockets; fsync and rename are tested instead'),
    ...(hasLibfiu ? [] : [notInstalled('fsync and rename fail', 'libfiu (Debian: fiu-utils)')]),
  ]
}

const broken = (call: string): Variables => ({
  LD_PRELOAD: LIBFIU.join(':'),
  FIU_ENABLE: `enable_random name=${call},probability=0.3,failinfo=5`,
})

function checkUnavailable(check: Check, answer: TimedResponse): void {
  const isRight = answer.status === 503 && answer.code === 'unavailable'
  check(format(answer), isRight && answer.headers['retry-after'] !== undefined)
}

async function checkRead(check: Check, url: string, log: ClientLog): Promise<void> {
  const [id = ''] = log.acknowledged[0]?.ids ?? []
  const { status } = await request(`${url}/media/${id}/content/`)
  check(`an earlier file ${status}`, status === 200)
}
