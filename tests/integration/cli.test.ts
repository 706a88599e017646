import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GIF, PNG, pngOf } from '../samples.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { run, ServerProcess } from './mediaport-process.ts'

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

describe.each(['without a server', 'through a server'])('The command line %s', (mode) => {
  const folder = temporaryFolder(afterAll)
  const photos = join(folder, 'photos')
  const variables = { DATA_DIR: join(folder, 'data'), MAX_FILE_SIZE: '1MiB' }
  let server: ServerProcess | undefined
  const mediaport = (...args: string[]) =>
    run(server ? [...args, '--server', server.url] : args, server ? {} : variables)

  beforeAll(async () => {
    mkdirSync(join(photos, 'deeper'), { recursive: true })
    writeFileSync(join(photos, 'été.png'), PNG)
    writeFileSync(join(photos, 'deeper', 'x.gif'), GIF)
    symlinkSync(photos, join(photos, 'deeper', 'circle'))
    writeFileSync(join(folder, 'script.png'), '#!/bin/sh\n')
    writeFileSync(join(folder, 'large.png'), pngOf(1024 * 1024 + 1))
    writeFileSync(join(folder, 'evil\u001b]0;owned\u0007.png'), PNG)
    if (mode === 'through a server') server = await ServerProcess.start(variables)
  })
  afterAll(async () => {
    await server?.kill('SIGKILL')
  })

  it('uploads all files of a folder, reports skipped ones, and lists the uploads', async () => {
    const { status, stdout } = await mediaport('upload', photos, '--title', 'Été', '--tag', 'A', '--tag', 'b', '--json')
    const results = lines(stdout)
    expect(status).toBe(1)
    expect(results).toHaveLength(3)
    expect(results).toContainEqual({
      path: join(photos, 'deeper', 'circle'),
      error: { code: 'not-a-file', message: 'The path is a link to a folder. Upload the folder itself.' },
    })

    const listed = await mediaport('list', '--tag', 'a', '--json')
    expect(listed.status).toBe(0)
    expect(JSON.parse(listed.stdout).items).toMatchObject([
      { filename: 'été.png', title: 'Été', tags: ['a', 'b'], mime_type: 'image/png' },
      { filename: 'x.gif', title: 'Été', tags: ['a', 'b'], mime_type: 'image/gif' },
    ])
  })

  it('shows a media item and saves its content', async () => {
    const { stdout } = await mediaport('upload', join(photos, 'été.png'), '--json')
    const [{ media }] = lines(stdout) as [{ media: { id: string } }]
    const details = await mediaport('get', media.id)
    expect(details.stdout).toContain('été.png')
    const output = join(folder, 'saved.png')
    expect((await mediaport('get', media.id, '--output', output)).status).toBe(0)
    expect(readFileSync(output)).toEqual(PNG)
    const failure = await mediaport('get', media.id, '--output', join(folder, 'missing', 'saved.png'))
    expect(failure).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^\S+: The file was not saved completely: ENOENT/),
    })
  })

  it('continues after a rejected file, and exits with status 1', async () => {
    const files = ['script.png', 'large.png', 'missing.png'].map((name) => join(folder, name))
    const { status, stdout, stderr } = await mediaport('upload', ...files, join(photos, 'été.png'))
    expect(status).toBe(1)
    expect(stderr).toContain(
      'script.png: The file type is not accepted. The type of the file is not known. [unsupported-file-type]',
    )
    expect(stderr).toContain('large.png: The request body is too large.')
    expect(stderr).toContain('missing.png: The file does not exist. [unreadable]')
    expect(stdout).toContain('été.png')
  })

  it('escapes control characters in file names', async () => {
    const { status, stdout, stderr } = await mediaport('upload', join(folder, 'evil\u001b]0;owned\u0007.png'))
    expect(status).toBe(0)
    expect(stdout).toContain('evil\\u{1b}]0;owned\\u{7}.png')
    expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it('uploads a file once with --idempotent, unless the file or its details change', async () => {
    const path = join(folder, `${randomUUID()}.png`)
    writeFileSync(path, PNG)
    const upload = async (...options: string[]) => {
      const { status, stdout } = await mediaport('upload', path, '--idempotent', '--tag', 'twice', '--json', ...options)
      return { status, ...(lines(stdout)[0] as { media?: { id: string }; error?: { code: string } }) }
    }
    const [first, again] = [await upload(), await upload()]
    expect([first.status, again.status]).toEqual([0, 0])
    expect(again.media).toEqual(first.media)
    expect(await upload('--title', 'another')).toMatchObject({ status: 1, error: { code: 'idempotency-key-reused' } })
    writeFileSync(path, pngOf(5000))
    const changed = await upload()
    expect(changed.media?.id).not.toBe(first.media?.id)
    const { stdout } = await mediaport('list', '--tag', 'twice', '--json')
    expect(JSON.parse(stdout).items).toEqual([changed.media, first.media])
  })

  it('prints an error for an unknown media item', async () => {
    const { status, stderr } = await mediaport('get', 'nothing')
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'nothing: The resource does not exist. [not-found]\n' })
  })
})

describe('The command line', () => {
  it('creates an API key with which another command uses a server', async () => {
    const { stdout } = await run(['key', 'app', '--scopes', 'read,upload'], {})
    const [, key = '', entry = ''] = /^key, shown only now: +(\S+)\nentry for API_KEYS: +(\S+)\n$/.exec(stdout) ?? []
    const folder = temporaryFolder()
    const server = await ServerProcess.start({ DATA_DIR: join(folder, 'data'), API_KEYS: entry })
    const photo = join(folder, 'a.png')
    writeFileSync(photo, PNG)
    const upload = (variables: Record<string, string>) => run(['upload', photo, '--server', server.url], variables)
    expect((await upload({})).stderr).toContain('Valid credentials are required. [unauthenticated]')
    expect(await upload({ MEDIAPORT_API_KEY: key })).toMatchObject({ status: 0 })
    const listed = await run(['list', '--json', '--server', server.url], { MEDIAPORT_API_KEY: key })
    expect(JSON.parse(listed.stdout).items).toHaveLength(1)
    await server.kill('SIGKILL')
  })

  it('fails with a message if the server does not answer', async () => {
    const { status, stderr } = await run(['list', '--server', 'http://127.0.0.1:1'], {})
    expect(status).toBe(1)
    expect(stderr).toMatch(/^http:\/\/127\.0\.0\.1:1 does not answer/)
  })

  it('rejects an unknown storage in `move`', async () => {
    const { status, stderr } = await run(['move', '--from', 'filesystem', '--to', 'elsewhere'], {})
    expect(status).toBe(1)
    expect(stderr).toContain('Allowed choices are filesystem, imagekit.')
  })

  it('repeats an upload with the same key after a lost connection and after status 503', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'a.png')
    writeFileSync(path, pngOf(300_000))
    const requests: { key: unknown; size: number }[] = []
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      let size = 0
      for await (const chunk of request) size += chunk.length
      requests.push({ key: request.headers['idempotency-key'], size })
      if (requests.length === 1) return response.socket?.destroy()
      response.statusCode = requests.length === 2 ? 503 : 201
      return response.end(JSON.stringify({ id: 'the id', type: '/problems/unavailable', title: 'Later' }))
    }
    const server = createServer((request, response) => void answer(request, response))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const { status, stdout } = await run(['upload', path, '--server', `http://127.0.0.1:${port}`], {})
    server.close()
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${path}  the id\n` })
    expect(requests).toHaveLength(3)
    expect(requests[0]?.key).toMatch(/^[\x21-\x7e]{16,255}$/)
    expect(requests.map(({ key }) => key)).toEqual(Array(3).fill(requests[0]?.key))
    expect(requests.map(({ size }) => size > 300_000)).toEqual([true, true, true])
  })
})
