import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { PNG, sha256 } from '../samples.ts'
import { withServices } from '../services.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { uploadForm } from '../support/upload-form.ts'
import { run, ServerProcess } from './mediaport-process.ts'
import { newDatabase } from './postgres.ts'

const upload = async (url: string, name = 'photo.png') => {
  const answer = await fetch(`${url}/upload/`, { method: 'POST', body: uploadForm(PNG, name) })
  const media = (await answer.json()) as { id: string; sha256: string }
  return { status: answer.status, media }
}

describe('A server with default settings', () => {
  const folder = temporaryFolder(afterAll)
  const DATA_DIR = join(folder, 'data')
  let server: ServerProcess

  beforeAll(async () => {
    server = await ServerProcess.start({ DATA_DIR })
  })
  afterAll(async () => void (await server.kill('SIGKILL')))

  it('logs its address, its data folder, its adapters and an upload command', () => {
    const output = server.messages.join('\n')
    expect(output).toContain(`listening on http://127.0.0.1:`)
    expect(output).toContain(`files and data: ${DATA_DIR}`)
    expect(output).toContain('media: PGlite')
    expect(output).toContain('storage: filesystem')
    expect(output).toContain(`upload: curl -F file=@photo.jpg ${server.url}/upload/`)
  })

  it('creates its data folder for its own user only', () => {
    expect(statSync(DATA_DIR).mode & 0o777).toBe(0o700)
    expect(statSync(join(DATA_DIR, 'db')).mode & 0o077).toBe(0)
  })

  it('makes a second process fail with the process id and the address of the first', async () => {
    const second = await run(['list'], { DATA_DIR })
    expect(second.status).toBe(1)
    expect(second.stderr).toBe(
      `mediaport: The data in ${DATA_DIR} is in use by "mediaport serve" (process ${server.child.pid}). Use --server ${server.url}, or stop that process first.\n`,
    )
  })

  it('keeps every acknowledged upload after kill -9', async () => {
    const { status, media } = await upload(server.url, '照片.png')
    expect(status).toBe(201)
    await server.kill('SIGKILL')

    const listed = await run(['list', '--json'], { DATA_DIR })
    expect(JSON.parse(listed.stdout).items.map(({ id }: { id: string }) => id)).toContain(media.id)

    server = await ServerProcess.start({ DATA_DIR })
    const content = await fetch(`${server.url}/media/${media.id}/content/`)
    expect(sha256(Buffer.from(await content.arrayBuffer()))).toBe(media.sha256)
  })

  it('exits with status 0 on SIGTERM and releases its data folder', async () => {
    const { status } = await server.kill('SIGTERM')
    expect(status).toBe(0)
    server = await ServerProcess.start({ DATA_DIR })
    expect((await upload(server.url)).status).toBe(201)
  })

  it('answers /ping/ and /healthcheck/', async () => {
    expect(await (await fetch(`${server.url}/ping/`)).json()).toEqual({ message: 'pong' })
    const health = await fetch(`${server.url}/healthcheck/`)
    expect(health.status).toBe(200)
    expect(await health.json()).toEqual({ status: 'ok', checks: { database: 'up', storage: 'up' } })
  })

  it('fails with a message that names the port if the port is in use', async () => {
    const port = new URL(server.url).port
    const other = await run(['serve'], { DATA_DIR: join(folder, 'other'), PORT: port })
    expect(other.status).toBe(1)
    expect(other.stderr).toBe(`mediaport: PORT ${port} is in use by another program on 127.0.0.1. Set another PORT.\n`)
  })
})

describe('An invalid variable', () => {
  it('ends the start with one line that names it', async () => {
    const { status, stdout, stderr } = await run(['serve'], { MAX_FILE_SIZE: 'huge' })
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'mediaport: MAX_FILE_SIZE must be a size such as 100MiB, 25MB or 4096.\n',
    })
  })

  it('ends the start if other machines could reach the server and nothing says who may use it', async () => {
    const { status, stderr } = await run(['serve'], { HOST: '0.0.0.0' })
    expect(status).toBe(1)
    expect(stderr).toContain('HOST 0.0.0.0 can be reached from other machines')
    expect(stderr).toContain('Set API_KEYS')
  })
})

describe('A DATA_DIR that cannot be used', () => {
  /** Root can write to every folder, so as root the process runs as another user. */
  const asNobody: Record<string, string> =
    process.getuid?.() === 0
      ? { NODE_OPTIONS: `--import ${new URL('../crash/as-nobody.ts', import.meta.url).href}` }
      : {}
  const errorFor = (DATA_DIR: string) =>
    `mediaport: DATA_DIR ${DATA_DIR} is not writable by this process, which runs as user ${asNobody['NODE_OPTIONS'] ? 65_534 : process.getuid?.()}. Give it to that user with chown -R, or set another folder.\n`

  it.each(['serve', 'list', 'migrate'])('ends `%s` with one line that says what to do', async (command) => {
    const DATA_DIR = temporaryFolder()
    chmodSync(DATA_DIR, 0o555)
    const { status, stderr } = await run([command], { DATA_DIR, PORT: '0', ...asNobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: errorFor(DATA_DIR) })
  })

  it('is also one with a folder of another user', async () => {
    const DATA_DIR = temporaryFolder()
    chmodSync(DATA_DIR, 0o777)
    mkdirSync(join(DATA_DIR, 'files'), { mode: 0o500 })
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0', ...asNobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: errorFor(DATA_DIR) })
  })

  it('is also one with a lock of another user', async () => {
    const DATA_DIR = temporaryFolder()
    chmodSync(DATA_DIR, 0o777)
    writeFileSync(join(DATA_DIR, 'db.lock'), '', { mode: 0o400 })
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0', ...asNobody })
    expect({ status, stderr }).toEqual({ status: 1, stderr: errorFor(DATA_DIR) })
  })

  /** Only root can mount a disk. The mount namespace hides it from other processes. */
  const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
  it.runIf(canMount).each([
    ['size=2m', 'is on a disk with no space left. Free some space, or set a folder on another disk.'],
    ['ro', 'is on a read-only file system. Mount it writable, or set another folder.'],
  ])('is also one on a disk with the mount option %s', async (option, advice) => {
    const DATA_DIR = temporaryFolder()
    const start = `mount -t tmpfs -o ${option} tmpfs ${DATA_DIR} && exec ${process.execPath} src/main/cli.ts serve`
    const child = spawn('unshare', ['--mount', 'sh', '-c', start], {
      cwd: new URL('../../', import.meta.url),
      env: { PATH: process.env['PATH'], DATA_DIR, PORT: '0' },
    })
    const output = text(child.stderr)
    const [status] = await once(child, 'close')
    expect([status, await output]).toEqual([1, `mediaport: DATA_DIR ${DATA_DIR} ${advice}\n`])
  })

  it('is also one that is not a folder', async () => {
    const DATA_DIR = join(temporaryFolder(), 'file')
    writeFileSync(DATA_DIR, '')
    const { status, stderr } = await run(['serve'], { DATA_DIR, PORT: '0' })
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `mediaport: DATA_DIR ${DATA_DIR} is not a folder. Set DATA_DIR to a folder.\n`,
    })
  })
})

describe('The address of a server', () => {
  it('is PUBLIC_URL in the logged upload command', async () => {
    const server = await ServerProcess.start({ DATA_DIR: temporaryFolder(), PUBLIC_URL: 'http://127.0.0.1:8123/' })
    await server.kill('SIGKILL')
    expect(server.messages).toContain('upload: curl -F file=@photo.jpg http://127.0.0.1:8123/upload/')
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  it.runIf(hasIpv6)('is IPv6 and IPv4 with HOST=::', async () => {
    const server = await ServerProcess.start({ DATA_DIR: temporaryFolder(), HOST: '::', ANONYMOUS_SCOPES: 'none' })
    const { port } = new URL(server.url)
    const answers = await Promise.all(['[::1]', '127.0.0.1'].map((host) => fetch(`http://${host}:${port}/ping/`)))
    await server.kill('SIGKILL')
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})

describe('The log', () => {
  const lines = async (LOG_FORMAT: string) => {
    const unreachable = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', DATA_DIR: temporaryFolder() }
    const server = ServerProcess.launch({ ...unreachable, LOG_FORMAT })
    const output = once(server.child.stdout ?? process, 'data')
    await output
    const { stdout } = await server.kill('SIGKILL')
    return stdout.split('\n')
  }

  it.each(['', 'json'])('is JSON with ISO times and named levels if LOG_FORMAT is "%s"', async (format) => {
    const [first = ''] = await lines(format)
    expect(JSON.parse(first)).toMatchObject({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      msg: expect.stringContaining('listening on'),
    })
  })

  it('is plain text with LOG_FORMAT=pretty', async () => {
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
  it('updates its file for the health check', async () => {
    const TMPDIR = temporaryFolder()
    const aliveFile = join(TMPDIR, 'mediaport-worker.alive')
    const worker = ServerProcess.launch({ TMPDIR, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, 'worker')
    await vi.waitUntil(() => existsSync(aliveFile), { timeout: 10_000 })
    utimesSync(aliveFile, 0, 0)
    await vi.waitUntil(() => statSync(aliveFile).mtimeMs > 0, { timeout: 10_000 })
    await worker.kill('SIGKILL')
  }, 30_000)
})

withServices(['POSTGRES_URL'], 'A database that rejects the connection', () => {
  const loginError = /^mediaport: DATABASE_URL can't be used: .*does not exist\. Set the user and password .*\n$/
  it.each([
    ['serve', { username: 'stranger' }, loginError],
    ['worker', { username: 'stranger' }, loginError],
    ['serve', { pathname: '/none' }, /^mediaport: DATABASE_URL can't be used: .*does not exist\. Create it, .*\n$/],
  ])('ends `%s` with one line that says what to do', async (command, change, message) => {
    const database = await newDatabase()
    const { href } = Object.assign(new URL(database.url), change)
    const { status, stderr } = await run([command], { DATABASE_URL: href, DATA_DIR: temporaryFolder(), PORT: '0' })
    await database.drop()
    expect(status).toBe(1)
    expect(stderr).toMatch(message)
  })
})
