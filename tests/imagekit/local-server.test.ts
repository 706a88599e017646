import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { noise, PNG } from '../samples.ts'
import { isSigned } from './delivery.ts'
import { type LocalImagekit, type LocalOptions, startLocalImagekit } from './local-server.ts'
import { EXPECTED, OTHERWISE, type Switches } from './switches.ts'

// The contract of FileStorage covers what the adapter reads. These tests cover the strictness of the local server.

type Fields = Readonly<Record<string, string>>

let vendor: LocalImagekit
afterEach(() => vendor?.close())
const start = async (options: LocalOptions = {}) => {
  vendor = await startLocalImagekit(options)
}

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

async function request(path: string, options: RequestInit = {}, authorization = basic(`${vendor.privateKey}:`)) {
  const answer = await fetch(new URL(path, vendor.url), { headers: { authorization }, ...options })
  const body = await answer.text()
  return { status: answer.status, headers: answer.headers, body: body === '' ? undefined : JSON.parse(body) }
}

const plain = { fileName: 'a.png', folder: '/m', useUniqueFileName: 'false', overwriteFile: 'false' }

function upload(fields: Fields = plain, bytes: Buffer | undefined = PNG, authorization?: string) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  if (bytes.length > 0) form.set('file', new Blob([Uint8Array.from(bytes)]), 'x')
  return request('/api/v1/files/upload', { method: 'POST', body: form }, authorization)
}

const without = (name: keyof typeof plain) => Object.fromEntries(Object.entries(plain).filter(([key]) => key !== name))
const deliver = (path: string, headers: Fields = {}) => fetch(`${vendor.urlEndpoint}/${path}`, { headers })
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer())
const list = (query: Fields) => request(`/v1/files?${new URLSearchParams(query).toString()}`)
const purge = (url: string) => request('/v1/files/purge', { method: 'POST', body: JSON.stringify({ url }) })
const sign = (path: string, expiry: number) => {
  const signature = createHmac('sha1', vendor.privateKey).update(`${path}${expiry}`).digest('hex')
  return `${path}${path.includes('?') ? '&' : '?'}ik-t=${expiry}&ik-s=${signature}`
}

describe('Authentication', () => {
  it.each<[string, (key: string) => string, number]>([
    ['accepts the key without a password', (key) => basic(`${key}:`), 200],
    ['accepts the key with any password', (key) => basic(`${key}:do_not_set`), 200],
    ['refuses another key', () => basic('private_other:'), 403],
    ['refuses another scheme', (key) => `Bearer ${key}`, 401],
  ])('%s', async (_, credentials, status) => {
    await start()
    const authorization = credentials(vendor.privateKey)
    const answer = await request('/v1/files', {}, authorization)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('x-ik-requestid')).toMatch(/^[0-9a-f-]{36}$/)
    if (status !== 200) expect(answer.body).toEqual({ message: expect.any(String), help: expect.any(String) })
    expect((await upload(plain, PNG, authorization)).status).toBe(status)
  })
})

describe('An upload', () => {
  it.each<[string, Fields, Buffer, number]>([
    ['of the maximum size', plain, noise(1000), 200],
    ['of a larger size', plain, noise(1001), 400],
    ['without a file', plain, Buffer.alloc(0), 400],
    ['without a name', without('fileName'), PNG, 400],
    ['with a flag that is neither true nor false', { ...plain, isPrivateFile: 'no' }, PNG, 400],
    ['into 50 folders', { ...plain, folder: '/a'.repeat(50) }, PNG, 200],
    ['into 51 folders', { ...plain, folder: '/a'.repeat(51) }, PNG, 501],
    ['into a folder with a dot', { ...plain, folder: '/a/../b' }, PNG, 501],
    ['with a name that ImageKit would change', { ...plain, fileName: 'a b' }, PNG, 501],
    ['with a unique name', without('useUniqueFileName'), PNG, 501],
    ['that may overwrite', without('overwriteFile'), PNG, 501],
    ['with another field', { ...plain, tags: 'a' }, PNG, 501],
  ])('%s', async (_, fields, bytes, status) => {
    await start({ maxFile: 1000 })
    expect((await upload(fields, bytes)).status).toBe(status)
    expect(vendor.library.all).toHaveLength(status === 200 ? 1 : 0)
  })

  it('is stored only if its form is complete', async () => {
    await start()
    const part = (disposition: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`
    const fields = Object.entries(plain).map(([name, value]) => part(`name="${name}"`, value))
    const incomplete = `${fields.join('')}${part('name="file"; filename="x"', 'all bytes')}`
    for (const [body, count] of [
      [incomplete, 0],
      [`${incomplete}--b--\r\n`, 1],
    ] as const) {
      const socket = connect(Number(new URL(vendor.url).port), '127.0.0.1')
      socket.write(
        'POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' +
          `Authorization: ${basic(`${vendor.privateKey}:`)}\r\n` +
          `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      expect(await text(socket)).toMatch(count ? /^HTTP\/1.1 200/ : /^HTTP\/1.1 400/)
      expect(vendor.library.all).toHaveLength(count)
    }
  })
})

describe('Delivery', () => {
  it.each([
    ['m/a.jpg?ik-s=42d8ec47341a11a5c4661d10e0e85c29f8138dd6', true],
    ['tr:w-100,orig-true/m/%C3%A4%20b.jpg?ik-s=dea45200e0725c14caf5efb0993eb6e0245a46f5', true],
    ['m/b.jpg?ik-s=42d8ec47341a11a5c4661d10e0e85c29f8138dd6', false],
  ])('verifies the signature of %s: %s', (url, isValid) => {
    expect(isSigned(url, 'private_x')).toBe(isValid)
  })

  it.each<[string, number, number, string | null]>([
    ['bytes=2-5', 206, 4, `bytes 2-5/${PNG.length}`],
    ['bytes=10-', 206, PNG.length - 10, `bytes 10-${PNG.length - 1}/${PNG.length}`],
    ['bytes=0-1,4-5', 200, PNG.length, null],
    ['bytes=99999-', 416, 7, null],
  ])('answers the range %s with %i', async (range, status, length, contentRange) => {
    await start()
    await upload()
    const answer = await deliver('m/a.png?tr=orig-true', { range })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, contentRange])
    expect(await bytesOf(answer)).toHaveLength(length)
  })

  it.each([
    ['an unknown file', 'm/b.png?tr=orig-true', 404],
    ['a wrong signature', 'm/a.png?tr=orig-true&ik-s=00', 401],
    ['another transformation', 'm/a.png?tr=w-10', 501],
    ['another parameter', 'm/a.png?ik-attachment=true', 501],
  ])('refuses %s', async (_, path, status) => {
    await start()
    await upload()
    const answer = await deliver(path)
    expect([answer.status, answer.headers.has('ik-error')]).toEqual([status, true])
  })

  it('re-encodes an image, but not its original', async () => {
    await start()
    await upload()
    expect(PNG.equals(await bytesOf(await deliver('m/a.png')))).toBe(false)
    expect(PNG.equals(await bytesOf(await deliver('m/a.png?tr=orig-true')))).toBe(true)
  })

  it('requires a valid signature for a private file', async () => {
    await start()
    await upload({ ...plain, isPrivateFile: 'true' })
    const [path, seconds] = ['m/a.png?tr=orig-true', Math.floor(Date.now() / 1000)]
    const answers = [path, sign(path, seconds - 1), sign(path, seconds + 60)].map((each) => deliver(each))
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 200])
  })

  it('serves a deleted file until it is purged', async () => {
    await start()
    const { fileId, url } = (await upload()).body
    const status = async () => (await deliver('m/a.png?tr=orig-true')).status
    expect(await status()).toBe(200)
    expect((await request(`/v1/files/${fileId}`, { method: 'DELETE' })).status).toBe(204)
    expect(await status()).toBe(200)
    expect((await purge(`${url}*`)).status).toBe(201)
    expect(await status()).toBe(404)
    expect(vendor.library.purged).toEqual([`${url}*`])
    for (const wrong of ['https://example.com/m/a.png*', `${vendor.urlEndpoint}/m*`, `${vendor.urlEndpoint}/m/*/a*`])
      expect((await purge(wrong)).status, wrong).toBe(400)
  })
})

describe('The media API', () => {
  it.each([
    ['GET', '/v1/files?limit=0', 400],
    ['GET', '/v1/files?limit=1000', 200],
    ['GET', '/v1/files?limit=1001', 400],
    ['GET', '/v1/files?sort=DESC_NAME', 501],
    ['GET', '/v1/files?skip=1', 501],
    ['DELETE', '/v1/files/123', 400],
    ['DELETE', `/v1/files/${'0'.repeat(24)}`, 404],
    ['GET', `/v1/files/${'0'.repeat(24)}/details`, 501],
    ['POST', '/api/v2/files/upload', 501],
  ])('answers %s %s with %i', async (method, path, status) => {
    await start()
    expect((await request(path, { method })).status).toBe(status)
  })

  it.each<[Fields, string[] | number]>([
    [{}, ['a.png', 'b.bin', 'c.bin']],
    [{ path: '/m' }, ['a.png', 'b.bin']],
    [{ path: '/m', limit: '1' }, ['a.png']],
    [{ path: '/m', searchQuery: 'type = "file" AND name = "b.bin"' }, ['b.bin']],
    [{ searchQuery: 'type = "file" AND createdAt >= "2020-01-01T00:00:00Z"' }, ['a.png', 'b.bin', 'c.bin']],
    [{ searchQuery: 'type = "file" AND createdAt >= "2999-01-01T00:00:00Z"' }, []],
    [{ searchQuery: 'type = "file" AND createdAt >= "soon"' }, 400],
    [{ searchQuery: 'type = "file" AND size > "1kb"' }, 501],
    [{ searchQuery: 'name = "a.png"' }, 501],
  ])('lists for %j: %j', async (query, expected) => {
    await start()
    await upload()
    await upload({ ...plain, fileName: 'b.bin' }, noise(10))
    await upload({ ...plain, fileName: 'c.bin', folder: '/m/n' }, noise(10))
    const { status, body } = await list(query)
    expect(status === 200 ? body.map(({ name }: { name: string }) => name) : status).toEqual(expected)
  })

  it('deletes a folder with its files', async () => {
    await start()
    await upload({ ...plain, folder: '/m/n' })
    const remove = () => request('/v1/folder', { method: 'DELETE', body: JSON.stringify({ folderPath: '/m' }) })
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404])
    expect(vendor.library.all).toEqual([])
  })
})

it('docs/imagekit.md lists every switch', () => {
  const rows = readFileSync(new URL('../../docs/imagekit.md', import.meta.url), 'utf8').match(/^\|.*\[\?\] \|$/gm) ?? []
  expect(rows.map((row) => /`(\w+)` \|/.exec(row)?.[1]).toSorted()).toEqual(Object.keys(EXPECTED).toSorted())
  for (const [name, value] of Object.entries(OTHERWISE)) expect(value, name).not.toBe(EXPECTED[name as keyof Switches])
})
