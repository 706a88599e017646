import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { PNG, sha256 } from '../samples.ts'
import { withServices } from '../services.ts'
import { run, ServerProcess } from './mediaport-process.ts'
import { newDatabase } from './postgres.ts'

const upload = async (url: string, name = 'photo.png', bytes: Uint8Array = PNG) => {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(bytes)]), name)
  const answer = await fetch(`${url}/upload/`, { method: 'POST', body: form })
  const media = (await answer.json()) as { id: string; sha256: string }
  return { status: answer.status, media }
}

describe('A server on the embedded defaults', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  const DATA_DIR = join(folder, 'data')
  let server: ServerProcess

  beforeAll(async () => {
    server = await ServerProcess.start({ DATA_DIR })
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })

  it('says where it listens, where the data lies, which adapters serve, and how to upload', () => {
    const said = server.messages.join('\n')
    expect(said).toContain(`listening on http://127.0.0.1:`)
    expect(said).toContain(`files and data: ${DATA_DIR}`)
    expect(said).toContain('media: PGlite')
    expect(said).toContain('storage: filesystem')
    expect(said).toContain(`upload: curl -F file=@photo.jpg ${server.url}/upload/`)
  })

  it('keeps its data to itself', () => {
    expect(statSync(DATA_DIR).mode & 0o777).toBe(0o700)
    expect(statSync(join(DATA_DIR, 'db')).mode & 0o077).toBe(0)
  })

  it('tells a second process who holds the data and how to reach it', async () => {
    const second = await run(['list'], { DATA_DIR })
    expect(second.status).toBe(1)
    expect(second.stderr).toBe(
      `mediaport: The data in ${DATA_DIR} is in use by "mediaport serve" (process ${server.child.pid}); use it with --server ${server.url}, or end it first.\n`,
    )
  })

  it('has every acknowledged upload after kill -9, for the command line and for the next server', async () => {
    const { status, media } = await upload(server.url, '照片.png')
    expect(status).toBe(201)
    await server.kill('SIGKILL')

    const listed = await run(['list', '--json'], { DATA_DIR })
    expect(JSON.parse(listed.stdout).items.map(({ id }: { id: string }) => id)).toContain(media.id)

    server = await ServerProcess.start({ DATA_DIR })
    const content = await fetch(`${server.url}/media/${media.id}/content/`)
    expect(sha256(Buffer.from(await content.arrayBuffer()))).toBe(media.sha256)
  })

  it('ends with status 0 when it is asked to, and leaves the data to the next', async () => {
    const { status } = await server.kill('SIGTERM')
    expect(status).toBe(0)
    server = await ServerProcess.start({ DATA_DIR })
    expect((await upload(server.url)).status).toBe(201)
  })

  it('is healthy, and can be pinged', async () => {
    expect(await (await fetch(`${server.url}/ping/`)).json()).toEqual({ message: 'pong' })
    const health = await fetch(`${server.url}/healthcheck/`)
    expect(health.status).toBe(200)
    expect(await health.json()).toEqual({ status: 'ok', checks: { database: 'up', storage: 'up' } })
  })

  it('names the port when another program has it', async () => {
    const port = new URL(server.url).port
    const other = await run(['serve'], { DATA_DIR: join(folder, 'other'), PORT: port })
    expect(other.status).toBe(1)
    expect(other.stderr).toBe(`mediaport: PORT ${port} of 127.0.0.1 is taken by another program; set another one.\n`)
  })
})

describe('A wrong variable', () => {
  it('stops the start with one line that names it', async () => {
    const { status, stdout, stderr } = await run(['serve'], { MAX_FILE_SIZE: 'huge' })
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'mediaport: MAX_FILE_SIZE takes a size such as 100MiB, 25MB or 4096.\n',
    })
  })

  it('does not open a server to a network that nobody was given rights for', async () => {
    const { status, stderr } = await run(['serve'], { HOST: '0.0.0.0' })
    expect(status).toBe(1)
    expect(stderr).toContain('HOST 0.0.0.0 can be reached from other machines')
    expect(stderr).toContain('ANONYMOUS_SCOPES')
  })
})

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 5 }))
  return folder
}

describe('A DATA_DIR that can not be used', () => {
  /** Root may write everywhere. */
  const nobody: Record<string, string> =
    process.getuid?.() === 0
      ? { NODE_OPTIONS: `--import ${new URL('../crash/as-nobody.ts', import.meta.url).href}` }
      : {}
  const forbidden = (DATA_DIR: string) =>
    `mediaport: DATA_DIR ${DATA_DIR} can't be written by this process, which is user ${nobody['NODE_OPTIONS'] ? 65_534 : process.getuid?.()}: give it to that user with chown -R, or set another folder.\n`

  it.each(['serve', 'list', 'migrate'])('stops `%s` with one line that says what to do', async (command) => {
    const DATA_DIR = newFolder()
    chmodSync(DATA_DIR, 0o555)
    const { status, stderr } = await run([command], { DATA_DIR, PORT: '0', ...nobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: forbidden(DATA_DIR) })
  })

  it('is one in which somebody else made a folder, too', async () => {
    const DATA_DIR = newFolder()
    chmodSync(DATA_DIR, 0o777)
    mkdirSync(join(DATA_DIR, 'files'), { mode: 0o500 })
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0', ...nobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: forbidden(DATA_DIR) })
  })

  it('is one with a lock of somebody else, too', async () => {
    const DATA_DIR = newFolder()
    chmodSync(DATA_DIR, 0o777)
    writeFileSync(join(DATA_DIR, 'db.lock'), '', { mode: 0o400 })
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0', ...nobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: forbidden(DATA_DIR) })
  })

  /** Only root mounts a disk, here one that nobody else sees. */
  const mounts = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
  it.runIf(mounts).each([
    ['size=2m', 'has no room left: make some, or set a folder on another disk.'],
    ['ro', 'can only be read: mount it so that it can be written, or set another folder.'],
  ])('is on a disk with %s', async (option, advice) => {
    const DATA_DIR = newFolder()
    const start = `mount -t tmpfs -o ${option} tmpfs ${DATA_DIR} && exec ${process.execPath} src/main/cli.ts serve`
    const child = spawn('unshare', ['--mount', 'sh', '-c', start], {
      cwd: new URL('../../', import.meta.url),
      env: { PATH: process.env['PATH'], DATA_DIR, PORT: '0' },
    })
    const said = text(child.stderr)
    const [status] = await once(child, 'close')
    expect([status, await said]).toEqual([1, `mediaport: DATA_DIR ${DATA_DIR} ${advice}\n`])
  })

  it('may be no folder at all', async () => {
    const DATA_DIR = join(newFolder(), 'file')
    writeFileSync(DATA_DIR, '')
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0' })
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `mediaport: DATA_DIR ${DATA_DIR} is not a folder: set one.\n`,
    })
  })
})

describe('A server behind another address', () => {
  it('says how to upload by PUBLIC_URL', async () => {
    const server = await ServerProcess.start({ DATA_DIR: newFolder(), PUBLIC_URL: 'http://127.0.0.1:8123/' })
    await server.kill('SIGKILL')
    expect(server.messages).toContain('upload: curl -F file=@photo.jpg http://127.0.0.1:8123/upload/')
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  it.runIf(hasIpv6)('listens on IPv6 and IPv4 with HOST=::', async () => {
    const server = await ServerProcess.start({ DATA_DIR: newFolder(), HOST: '::', ANONYMOUS_SCOPES: 'none' })
    const { port } = new URL(server.url)
    const answers = await Promise.all(['[::1]', '127.0.0.1'].map((host) => fetch(`http://${host}:${port}/ping/`)))
    await server.kill('SIGKILL')
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})

describe('The log', () => {
  const lines = async (LOG_FORMAT: string) => {
    const waiting = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', DATA_DIR: newFolder() }
    const server = ServerProcess.launch({ ...waiting, LOG_FORMAT })
    const said = once(server.child.stdout ?? process, 'data')
    await said
    const { stdout } = await server.kill('SIGKILL')
    return stdout.split('\n')
  }

  it.each(['', 'json'])('is JSON with readable times and levels: LOG_FORMAT=%s', async (format) => {
    const [first = ''] = await lines(format)
    expect(JSON.parse(first)).toMatchObject({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      msg: expect.stringContaining('listening on'),
    })
  })

  it('is for people with LOG_FORMAT=pretty', async () => {
    const [first] = await lines('pretty')
    expect(first).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: listening on /)
  })
})

describe('mediaport', () => {
  it('prints the version of its package', async () => {
    expect(await run(['--version'], {})).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' })
  })
})

describe('A worker that waits for its database', () => {
  it('is alive to a health check', async () => {
    const TMPDIR = newFolder()
    const alive = join(TMPDIR, 'mediaport-worker.alive')
    const worker = ServerProcess.launch({ TMPDIR, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, 'worker')
    await vi.waitUntil(() => existsSync(alive), { timeout: 10_000 })
    utimesSync(alive, 0, 0)
    await vi.waitUntil(() => statSync(alive).mtimeMs > 0, { timeout: 10_000 })
    await worker.kill('SIGKILL')
  }, 30_000)
})

withServices(['POSTGRES_URL'], 'A database that refuses its user', () => {
  const refused = /^mediaport: DATABASE_URL can't be used: .*does not exist\. Set the user and password .*\n$/
  it.each([
    ['serve', { username: 'stranger' }, refused],
    ['worker', { username: 'stranger' }, refused],
    ['serve', { pathname: '/none' }, /^mediaport: DATABASE_URL can't be used: .*does not exist\. Create it, .*\n$/],
  ])('ends `%s` with one line that says what to do', async (command, change, message) => {
    const database = await newDatabase()
    const { href } = Object.assign(new URL(database.url), change)
    const { status, stderr } = await run([command], { DATABASE_URL: href, DATA_DIR: newFolder(), PORT: '0' })
    await database.drop()
    expect(status).toBe(1)
    expect(stderr).toMatch(message)
  })
})
