import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { noise, PNG } from '../samples.ts'
import { isSigned } from './delivery-route.ts'
import { type LocalImagekit, type LocalOptions, startLocalImagekit } from './local-server.ts'
import { EXPECTED, OTHERWISE, type Switches } from './switches.ts'

// What the contract of FileStorage does not ask for, and others who try ImageKit's protocol here would notice.

let vendor: LocalImagekit
afterEach(() => vendor?.close())
const start = async (options: LocalOptions = {}) => {
  vendor = await startLocalImagekit(options)
}

/** What is read of answers: what one doesn't have is missing. */
interface Body {
  readonly message: string
  readonly fileId: string
  readonly filePath: string
  readonly url: string
  readonly versionInfo: { readonly name: string }
  readonly requestId: string
  readonly successfullyDeletedFileIds: readonly string[]
  readonly errors: readonly object[]
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
  readonly items: readonly { readonly name: string }[]
}

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

async function ask(path: string, options: RequestInit = {}, authorization?: string): Promise<Answer> {
  const headers = { Authorization: authorization ?? basic(`${vendor.privateKey}:`), ...options.headers }
  const answer = await fetch(new URL(path, vendor.url), { ...options, headers })
  const body = await answer.text()
  const isJson = answer.headers.get('content-type')?.startsWith('application/json')
  const parsed = isJson ? JSON.parse(body) : {}
  const items = Array.isArray(parsed) ? parsed : []
  return { status: answer.status, headers: answer.headers, body: parsed, items }
}

const post = (path: string, body: object, method = 'POST') => ask(path, { method, body: JSON.stringify(body) })

type Fields = Readonly<Record<string, string>>

async function upload(fields: Fields, bytes: Buffer | undefined = PNG, options: { v?: number; auth?: string } = {}) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  if (bytes.length > 0) form.set('file', new Blob([Uint8Array.from(bytes)]), 'x')
  return ask(`/api/v${options.v ?? 1}/files/upload`, { method: 'POST', body: form }, options.auth)
}

const plain = { fileName: 'a.png', useUniqueFileName: 'false', folder: '/m' }
const deliver = (path: string, options: RequestInit = {}) => fetch(`${vendor.urlEndpoint}/${path}`, options)
const search = (query: Fields) => ask(`/v1/files?${new URLSearchParams(query).toString()}`)
const listed = async (query: Fields) => (await search(query)).items.map(({ name }) => name)

describe('Credentials', () => {
  it.each<[string, (key: string) => string, number]>([
    ['the key without a password', (key) => basic(`${key}:`), 200],
    ['the key with any password', (key) => basic(`${key}:do_not_set`), 200],
    ['the key as it is', (key) => `Basic ${key}`, 200],
    ['another key', () => basic('private_other:'), 403],
    ['another scheme', (key) => `Bearer ${key}`, 401],
  ])('are %s', async (_, make, status) => {
    await start()
    const { headers, ...answer } = await ask('/v1/files', {}, make(vendor.privateKey))
    expect(answer.status).toBe(status)
    expect(headers.get('x-ik-requestid')).toMatch(/^[0-9a-f-]{36}$/)
    if (status !== 200) expect(answer.body).toEqual({ message: expect.any(String), help: expect.any(String) })
    expect((await upload(plain, PNG, { auth: make(vendor.privateKey) })).status).toBe(status)
  })

  it('of a browser are a signature by the private key, good for one upload', async () => {
    await start()
    const sign = (token: string, expire: number) => ({
      ...plain,
      publicKey: vendor.publicKey,
      token,
      expire: String(expire),
      signature: createHmac('sha1', vendor.privateKey).update(`${token}${expire}`).digest('hex'),
    })
    const soon = Math.floor(Date.now() / 1000) + 1000
    const status = async (fields: Fields, auth = 'none') => (await upload(fields, PNG, { auth })).status
    expect(await status(sign('a', soon))).toBe(200)
    expect(await status(sign('a', soon))).toBe(400)
    expect(await status({ ...sign('b', soon), signature: 'f'.repeat(40) })).toBe(400)
    // Used up by the request that was refused.
    expect(await status(sign('b', soon))).toBe(400)
    expect(await status(sign('c', soon - 2000))).toBe(400)
    expect(await status(sign('d', soon + 3600))).toBe(400)
    expect(await status({ ...sign('e', soon), publicKey: 'public_other' })).toBe(403)
    expect(await status(sign('f', soon), basic(`${vendor.privateKey}:`))).toBe(400)
  })
})

describe('An upload', () => {
  it.each<[string, Fields, Buffer, number]>([
    ['without a file', plain, Buffer.alloc(0), 400],
    ['without a name', { folder: '/m' }, PNG, 400],
    ['with tags of 500 characters', { ...plain, tags: 'x'.repeat(500) }, PNG, 200],
    ['with tags of 501 characters', { ...plain, tags: 'x'.repeat(501) }, PNG, 400],
    ['with a % in its tags', { ...plain, tags: '50%' }, PNG, 400],
    ['into 50 folders', { ...plain, folder: '/a'.repeat(50) }, PNG, 200],
    ['into 51 folders', { ...plain, folder: '/a'.repeat(51) }, PNG, 400],
    ['into a folder above', { ...plain, folder: '/a/../b' }, PNG, 400],
    ['with a value that is neither true nor false', { ...plain, overwriteFile: 'no' }, PNG, 400],
    ['of as much as the plan allows', plain, noise(1000), 200],
    ['of a byte more', plain, noise(1001), 400],
    ['with a field that is not offered', { ...plain, checks: '"file.size" < "1mb"' }, PNG, 501],
    ['of a text', { ...plain, file: 'https://example.com/a.png' }, Buffer.alloc(0), 501],
  ])('%s', async (_, fields, bytes, status) => {
    await start({ maxFile: 1000 })
    expect((await upload(fields, bytes)).status).toBe(status)
    expect((await upload(fields, bytes, { v: 2 })).status).toBe(status)
    expect(vendor.library.all).toHaveLength(status === 200 ? 1 : 0)
  })

  it('is kept only once its form has come to its end', async () => {
    await start()
    const { port } = new URL(vendor.url)
    const part = (name: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nall of it\r\n'
    for (const [end, kept] of [
      ['', 0],
      ['--b--\r\n', 1],
    ] as const) {
      const body = `${part('fileName', 'x')}${file}${end}`
      const socket = connect(Number(port), '127.0.0.1')
      socket.write(
        `POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${basic(vendor.privateKey)}\r\n` +
          `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      expect(await text(socket)).toMatch(kept ? /^HTTP\/1.1 200/ : /^HTTP\/1.1 400/)
      expect(vendor.library.all).toHaveLength(kept)
    }
  })

  it('gets a name of its own unless it wants the one it has', async () => {
    await start()
    const names = [await upload({ fileName: 'a b.png' }), await upload(plain), await upload(plain)].map(
      ({ body }) => body.filePath,
    )
    expect(names).toEqual([expect.stringMatching(/^\/a_b_[\w-]{9}\.png$/), '/m/a.png', '/m/a.png'])
    const { status, body } = await upload({ ...plain, overwriteFile: 'false' })
    expect([status, body.message]).toEqual([400, expect.stringContaining('same name already exists')])
  })

  it('answers with what it was asked for', async () => {
    await start()
    const { body } = await upload({ ...plain, tags: 'a,b', responseFields: 'tags, isPrivateFile' })
    expect(body).toMatchObject({ tags: ['a', 'b'], isPrivateFile: false, versionInfo: { name: 'Version 1' } })
    expect(body).not.toHaveProperty('isPublished')
  })

  it.each([
    [true, true, ['Version 100', 400], 1],
    [false, false, ['Version 100', 200], 100],
  ])(
    'over a file makes at most a hundred versions of it (%s, %s)',
    async (refusesVersion101, keepsFileId, end, ids) => {
      await start({ switches: { refusesVersion101, keepsFileId } })
      const answers: Answer[] = []
      for (let n = 0; n < 101; n++) answers.push(await upload(plain))
      expect([answers[99]?.body.versionInfo.name, answers[100]?.status]).toEqual(end)
      expect(new Set(answers.slice(0, 100).map(({ body }) => body.fileId)).size).toBe(ids)
      expect(vendor.library.all).toHaveLength(1)
    },
  )
})

describe('Delivery', () => {
  const vectors = [
    ['m/a.jpg?ik-s=42d8ec47341a11a5c4661d10e0e85c29f8138dd6', true],
    ['tr:w-100,orig-true/m/%C3%A4%20b.jpg?ik-s=dea45200e0725c14caf5efb0993eb6e0245a46f5', true],
    ['m/b.jpg?ik-s=42d8ec47341a11a5c4661d10e0e85c29f8138dd6', false],
  ] as const
  it.each(vectors)('knows the signature of %s: %s', (rest, isRight) => {
    expect(isSigned(rest, 'private_x', Date.now())).toBe(isRight)
  })

  it.each<[string | undefined, number, number, string | null]>([
    [undefined, 200, PNG.length, null],
    ['bytes=2-5', 206, 4, `bytes 2-5/${PNG.length}`],
    ['bytes=10-', 206, PNG.length - 10, `bytes 10-${PNG.length - 1}/${PNG.length}`],
    ['bytes=-7', 206, 7, `bytes ${PNG.length - 7}-${PNG.length - 1}/${PNG.length}`],
    ['bytes=0-1,4-5', 200, PNG.length, null],
    ['bytes=99999-', 416, 7, null],
  ])('answers the range %s with %i', async (range, status, length, contentRange) => {
    await start()
    await upload(plain)
    const answer = await deliver('m/a.png?tr=orig-true', { headers: { ...(range && { Range: range }) } })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, contentRange])
    expect((await answer.arrayBuffer()).byteLength).toBe(length)
  })

  it.each<[string, string, number]>([
    ['nothing', 'm/b.png', 404],
    ['an attachment', 'm/a.png?ik-attachment=true&tr=orig-true', 200],
    ['a step before the path', 'tr:orig-true/m/a.png', 200],
    ['a name that nobody gave', 'tr:n-mine/m/a.png', 400],
    ['what is no step', 'm/a.png?tr=big', 400],
    ['an earlier version', 'm/a.png?ik-obj-version=1', 501],
    ['another signature', 'm/a.png?ik-s=00', 401],
  ])('of %s', async (_, path, status) => {
    await start()
    await upload(plain)
    const answer = await deliver(path)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('ik-error') === null).toBe(status === 200)
    expect(answer.headers.get('content-disposition')).toBe(path.includes('attachment') ? 'attachment' : null)
    if (status === 200) expect(PNG.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true)
  })

  it('re-encodes a picture unless it is asked for the original', async () => {
    await start()
    await upload(plain)
    expect(PNG.equals(Buffer.from(await (await deliver('m/a.png')).arrayBuffer()))).toBe(false)
  })

  it('of a private picture needs a signature, but for a named transformation', async () => {
    await start()
    await upload({ ...plain, isPrivateFile: 'true' })
    const statuses = ['m/a.png', 'tr:w-10/m/a.png', 'm/a.png?tr=n-ik_ml_thumbnail'].map((path) => deliver(path))
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([401, 401, 200])
  })

  it.each([true, false])('answers HEAD or does not (%s)', async (answersHead) => {
    await start({ switches: { answersHead } })
    await upload(plain)
    expect((await deliver('m/a.png', { method: 'HEAD' })).status).toBe(answersHead ? 200 : 405)
  })

  it('goes by its own clock', async () => {
    await start({ clockOffset: 600_000 })
    const expire = Math.floor(Date.now() / 1000) + 300
    const signature = createHmac('sha1', vendor.privateKey).update(`m/a.png${expire}`).digest('hex')
    expect((await deliver(`m/a.png?ik-t=${expire}&ik-s=${signature}`)).status).toBe(401)
  })

  it('goes on after a file was deleted, until it is purged', async () => {
    await start()
    const { fileId, url } = (await upload(plain)).body
    const status = async () => (await deliver('m/a.png')).status
    expect(await status()).toBe(200)
    expect((await ask(`/v1/files/${fileId}`, { method: 'DELETE' })).status).toBe(204)
    expect(await status()).toBe(200)
    const { body } = await post('/v1/files/purge', { url: `${url}*` })
    expect(await status()).toBe(404)
    expect((await ask(`/v1/files/purge/${body.requestId}`)).body).toEqual({ status: 'Completed' })
    expect((await ask('/v1/files/purge/other')).status).toBe(400)
    for (const wrong of ['https://example.com/m/a.png', `${vendor.urlEndpoint}/*`, `${vendor.urlEndpoint}/m/*/a.png`])
      expect((await post('/v1/files/purge', { url: wrong })).status).toBe(400)
    for (const [path, allowed] of [
      ['/m*', 400],
      ['/m/n*', 201],
      ['/fifteen-letters*', 201],
    ] as const)
      expect((await post('/v1/files/purge', { url: vendor.urlEndpoint + path })).status).toBe(allowed)
  })
})

describe('The media API', () => {
  it.each<[string, string, number]>([
    ['GET', '/v1/files?limit=0', 400],
    ['GET', '/v1/files?limit=1000', 200],
    ['GET', '/v1/files?limit=1001', 400],
    ['GET', '/v1/files?skip=-1', 400],
    ['GET', '/v1/files?sort=ASC_COLOUR', 400],
    ['GET', '/v1/files?type=picture', 400],
    ['GET', '/v1/files?path=/nobody', 200],
    ['GET', '/v1/files/123/details', 400],
    ['GET', `/v1/files/${'0'.repeat(24)}/details`, 404],
    ['DELETE', '/v1/files/123', 400],
    ['DELETE', `/v1/files/${'0'.repeat(24)}`, 404],
    ['GET', `/v1/files/${'0'.repeat(24)}/versions`, 501],
    ['PATCH', `/v1/files/${'0'.repeat(24)}/details`, 501],
    ['PUT', '/v1/files/rename', 501],
    ['GET', '/v1/accounts/usage', 501],
  ])('%s %s', async (method, path, status) => {
    await start()
    expect((await ask(path, { method })).status).toBe(status)
  })

  it('says that a folder is unknown, where that is an error', async () => {
    await start({ switches: { unknownFolderIsEmpty: false } })
    expect((await ask('/v1/files?path=/nobody')).status).toBe(404)
  })

  it('deletes up to a hundred files at once, and none where one of them is unknown', async () => {
    await start()
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.push((await upload({ ...plain, fileName: `${n}` })).body.fileId)
    const remove = (fileIds: unknown) => post('/v1/files/batch/deleteByFileIds', { fileIds })
    const stranger = 'f'.repeat(24)
    for (const wrong of [undefined, [], 'all', Array(101).fill(ids[0])]) expect((await remove(wrong)).status).toBe(400)
    expect((await remove([...ids, stranger])).body).toMatchObject({ missingFileIds: [stranger] })
    expect(vendor.library.all).toHaveLength(3)
    vendor.faults.api = { type: 'partial success' }
    const { status, body } = await remove(ids)
    expect([status, body.successfullyDeletedFileIds, body.errors]).toEqual([207, ids.slice(0, 2), [expect.anything()]])
    vendor.faults.api = undefined
    expect((await remove(ids.slice(2))).status).toBe(200)
    expect(vendor.library.all).toEqual([])
  })

  it('makes folders, and deletes them with all that is in them', async () => {
    await start()
    await upload({ ...plain, folder: '/m/n' })
    expect((await post('/v1/folder', { folderName: 'o', parentFolderPath: '/m' })).status).toBe(201)
    expect(await listed({ type: 'folder', path: '/m' })).toEqual(['n', 'o'])
    const remove = (folderPath: string) => post('/v1/folder', { folderPath }, 'DELETE')
    expect((await remove('/m')).status).toBe(204)
    expect((await remove('/m')).body).toMatchObject({ reason: 'FOLDER_NOT_FOUND' })
    expect([vendor.library.all, await listed({ type: 'all' })]).toEqual([[], []])
  })

  it('tells of too many calls when and how often one may ask', async () => {
    await start({ switches: { callsPerSecond: 1 } })
    const answers = await Promise.all([1, 2, 3].map(() => ask('/v1/files')))
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('x-ratelimit-limit')).toBe('1')
    expect(refused?.headers.get('x-ratelimit-interval')).toBe('1000')
    expect(Number(refused?.headers.get('x-ratelimit-reset'))).toBeLessThanOrEqual(1000)
  })
})

describe('A search', () => {
  it.each<[string, string[]]>([
    ['name = "a.png"', ['a.png']],
    ['name = "A.png"', []],
    ['name : "a"', ['a.png', 'a-1.bin']],
    ['name HAS "1"', ['a-1.bin']],
    ['name NOT = "a.png"', ['a-1.bin', 'b.bin']],
    ['name IN ["a.png", "b.bin"]', ['a.png', 'b.bin']],
    ['name NOT IN ["a.png"] AND type = "file"', ['a-1.bin', 'b.bin']],
    ['path = "/m" OR path = "/m/n/"', ['a.png', 'a-1.bin', 'b.bin']],
    ['path : "/m"', ['a.png', 'a-1.bin', 'b.bin']],
    ['(name : "a" OR name : "b") AND path = "/m/n"', ['a-1.bin', 'b.bin']],
    ['tags IN ["x"]', ['a.png']],
    ['tags NOT EXISTS', ['a-1.bin', 'b.bin']],
    ['size > "1kb"', ['b.bin']],
    ['size <= 1000', ['a.png', 'a-1.bin']],
    ['createdAt > "1h" AND createdAt >= "2020-01-01T00:00:00Z"', ['a.png', 'a-1.bin', 'b.bin']],
    ['private = true', ['b.bin']],
  ])('for %s', async (searchQuery, names) => {
    await start()
    await upload({ ...plain, tags: 'x' })
    await upload({ ...plain, fileName: 'a-1.bin', folder: 'm/n' }, noise(10))
    await upload({ ...plain, fileName: 'b.bin', folder: 'm/n/', isPrivateFile: 'true' }, noise(2000))
    const found = await listed({
      searchQuery: searchQuery.includes('type') ? searchQuery : `type = "file" AND (${searchQuery})`,
    })
    expect(found.toSorted()).toEqual(names.toSorted())
  })

  it.each([
    'name',
    'name = ',
    'name = a.png',
    'colour = "red"',
    'name > "a"',
    'size : "1"',
    'size > "big"',
    'createdAt > "soon"',
    'private = "true"',
    'private = maybe',
    '(name = "a"',
    'name = "a" AND',
    'name = "a" name = "b"',
    "name = 'a'",
  ])('for %s is refused', async (searchQuery) => {
    await start()
    expect((await search({ searchQuery })).status).toBe(400)
  })
})

it('What nobody knows for sure is a switch, and docs/imagekit.md names it', () => {
  const rows = readFileSync(new URL('../../docs/imagekit.md', import.meta.url), 'utf8').match(/^\|.*\[\?\] \|$/gm) ?? []
  const named = rows.map((row) => /`(\w+)` \|/.exec(row)?.[1])
  expect(named.toSorted()).toEqual(Object.keys(EXPECTED).toSorted())
  for (const [name, value] of Object.entries(OTHERWISE)) expect(value, name).not.toBe(EXPECTED[name as keyof Switches])
})
