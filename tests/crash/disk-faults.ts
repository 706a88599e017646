/** A disk that is full, read-only, forbidden or broken. Needs to be root, for a small file system of its own. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { file, form, get, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, notHere, notInstalled, playFaults, type See, seeUntil } from './faults.ts'
import { Installation, type Variables } from './installation.ts'
import { ownDisk } from './own-disk.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, seeHealth, type Told, told, upload } from './told.ts'

const run = promisify(execFile)
const SIZE = '8m'
const TOO_MUCH = 12_000_000
const NOBODY = 65_534
const AS_NOBODY = new URL('as-nobody.ts', import.meta.url).href
/** Each of which fails with a probability of 0.3, so that none fails in one run of a million. */
const TRIES = 40
/** libfiu (Debian: fiu-utils) fails calls of the C library in the process that it is loaded into. */
const LIBFIU = ['/usr/lib/fiu/fiu_run_preload.so', '/usr/lib/fiu/fiu_posix_preload.so']
const BROKEN_CALLS = { 'fsync fails (EIO)': 'posix/io/sync/fsync', 'rename fails (EIO)': 'posix/io/dir/rename' }

export const diskFaults: Part = async (options) => {
  const disk = await ownDisk(SIZE)
  if ('why' in disk) return [notHere('a disk of its own: full, read-only, forbidden, broken', disk.why)]
  const { folder } = disk
  const [installation, log] = [await Installation.open('filesystem', { DATA_DIR: folder }), new ClientLog()]
  const { url, child } = await installation.start()
  const hasLibfiu = LIBFIU.every((library) => existsSync(library))
  let count = 0
  const send = (size = 50_000, server = url, pause = 0) =>
    upload(server, log, { title: `upload ${++count}`, size, pause })
  const works = (see: See, server = url) =>
    seeUntil(see, 'uploads taken again', async () => (await send(50_000, server)).status === 201)
  const prlimit = (files: number) => run('prlimit', ['--pid', `${child.pid}`, `--nofile=${files}:`])

  const faults: Fault[] = [
    {
      what: 'the disk is full (ENOSPC) in the midst of a file, and another upload beside it',
      isAlone: true,
      async play(see) {
        // Its second chunk comes when the disk was full and is no longer.
        const [small, large] = await Promise.all([send(150_000, url, 1000), send(TOO_MUCH)])
        see(inWords(large), large.status === 507 && large.code === 'insufficient-storage')
        see(`the other ${inWords(small)}`, small.status === 201 && small.seconds > large.seconds)
        await works(see)
      },
    },
    {
      what: 'the disk is full (ENOSPC) from the start',
      isAlone: true,
      async play(see) {
        const filler = join(folder, 'filler')
        await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k']).catch(() => undefined)
        const answer = await send()
        see(inWords(answer), answer.status === 507 && answer.code === 'insufficient-storage')
        await seeReads(see, url, log)
        await seeHealth(see, url, 503)
        await rm(filler)
        await works(see)
      },
    },
    {
      what: 'the disk is read-only (EROFS)',
      isAlone: true,
      async play(see) {
        await run('mount', ['-o', 'remount,ro', folder])
        seeUnavailable(see, await send())
        await seeReads(see, url, log)
        await seeHealth(see, url, 503)
        await run('mount', ['-o', 'remount,rw', folder])
        await works(see)
      },
    },
    {
      what: 'the process may open no further file (EMFILE)',
      isAlone: true,
      async play(see) {
        // At once, so that neither the client nor the database, which jobs need, too, wants for a connection afterwards.
        const wires = Array.from({ length: 6 }, () => new Wire(Number(new URL(url).port)))
        await Promise.all(wires.map(async (each) => (await each.send(get('/media/'))).answer()))
        await prlimit(1)
        const answer = await (await wires[0]?.send(post(form(file()))))?.answer()
        for (const each of wires) each.leave()
        const { dependency } = JSON.parse(String(answer?.body))
        see(`${answer?.status} of ${dependency}`, answer?.status === 503 && dependency === 'storage')
        await prlimit(1024)
        await seeHealth(see, url, 503)
        await works(see)
      },
    },
    {
      what: 'the folder is forbidden to the process (EACCES)',
      isAlone: true,
      async play(see) {
        await run('chown', ['-R', `${NOBODY}:${NOBODY}`, folder])
        const server = await installation.start('serve', { NODE_OPTIONS: `--import=${AS_NOBODY}`, WORKER: 'off' })
        await works(see, server.url)
        const [files = ''] = (await readdir(join(folder, 'files'))).map((name) => join(folder, 'files', name))
        await chown(files, 0, 0)
        await chmod(files, 0o700)
        seeUnavailable(see, await send(50_000, server.url))
        await seeHealth(see, server.url, 503)
        await chown(files, NOBODY, NOBODY)
        await works(see, server.url)
        await installation.kill(server)
      },
    },
    ...(hasLibfiu ? Object.entries(BROKEN_CALLS) : []).map(
      ([what, call]): Fault => ({
        what: `now and then ${what}`,
        tried: `${TRIES} uploads`,
        isAlone: true,
        async play(see) {
          const server = await installation.start('serve', broken(call))
          const answers: Told[] = []
          for (let n = 0; n < TRIES; n++) answers.push(await send(50_000, server.url))
          const taken = answers.filter(({ status }) => status === 201).length
          const refused = answers.filter(({ status, code }) => status === 503 && code === 'unavailable').length
          see(`${taken} × 201, ${refused} × 503 unavailable`, taken + refused === TRIES && refused > 0)
          await installation.kill(server)
        },
      }),
    ),
  ]
  const rows = await playFaults('disk', faults, installation, log, options)
  return [
    ...rows,
    notHere('the user has used up their share (EDQUOT)', 'a tmpfs has no quotas; it is taken for ENOSPC'),
    notHere('a write fails (EIO)', 'libfiu would fail what is written to sockets, too; fsync and rename stand for it'),
    ...(hasLibfiu ? [] : [notInstalled('fsync and rename fail', 'libfiu (Debian: fiu-utils)')]),
  ]
}

const broken = (call: string): Variables => ({
  LD_PRELOAD: LIBFIU.join(':'),
  FIU_ENABLE: `enable_random name=${call},probability=0.3,failinfo=5`,
})

function seeUnavailable(see: See, answer: Told): void {
  const isRight = answer.status === 503 && answer.code === 'unavailable'
  see(inWords(answer), isRight && answer.headers['retry-after'] !== undefined)
}

async function seeReads(see: See, url: string, log: ClientLog): Promise<void> {
  const [id = ''] = log.acknowledged[0]?.ids ?? []
  const { status } = await told(`${url}/media/${id}/content/`)
  see(`an earlier file ${status}`, status === 200)
}

if (import.meta.main) await runAlone(diskFaults)
