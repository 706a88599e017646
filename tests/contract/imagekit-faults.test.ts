import { copyFile, mkdtemp, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import type { Fault } from '../imagekit/faults.ts'
import { type LocalImagekit, type LocalOptions, startLocalImagekit } from '../imagekit/local-server.ts'
import { collect, inChunks, PNG, pngOf } from '../samples.ts'

let vendor: LocalImagekit
afterEach(() => vendor.close())

const key = '01890000-0000-7000-8000-000000000000.0123456789abcdef' as StorageKey

async function start(options: LocalOptions = {}, privateKey?: string, spoolFolder?: string) {
  vendor = await startLocalImagekit(options)
  const storage = new ImagekitFileStorage({
    privateKey: privateKey ?? vendor.privateKey,
    urlEndpoint: vendor.urlEndpoint,
    folder: '/media/installation',
    uploadUrl: vendor.url,
    apiUrl: vendor.url,
    isPrivate: true,
    spoolFolder,
  })
  const put = (bytes: Uint8Array = PNG, signal = new AbortController().signal) =>
    storage.put(key, inChunks(bytes), { contentType: 'image/png' as ContentType, signal })
  return { storage, put, kept: () => vendor.library.all.length }
}

describe.each([
  ['that goes on as it comes', false],
  ['that is gathered on disk first', true],
])('An upload %s', (_, spools) => {
  it.each<[string, Fault, string, number]>([
    ['kept, its answer lost,', { type: 'answer lost' }, 'unavailable', 1],
    ['answered with an error page', { type: 'error page', status: 502 }, 'unavailable', 0],
    ['reset half way', { type: 'reset', afterBytes: 100_000 }, 'unavailable', 0],
    ['refused early', { type: 'early refusal', status: 400 }, 'storage-error', 0],
    ['beyond the quota', { type: 'early refusal', status: 403 }, 'insufficient-storage', 0],
    ['answered before it is done', { type: 'accepted' }, 'unavailable', 1],
    ['one of too many', { type: 'rate limit', ms: 100, times: 1 }, 'unavailable', 0],
  ])('and %s is no success, and can be cleared away', async (_, fault, error, kept) => {
    const spoolFolder = spools ? await mkdtemp(join(tmpdir(), 'mediaport-spool-')) : undefined
    const { storage, put, kept: count } = await start({}, undefined, spoolFolder)
    vendor.faults.upload = fault
    const answer = (await put(pngOf(500_000)))._unsafeUnwrapErr()
    expect(answer.type).toBe(error)
    expect(count()).toBe(kept)
    expect((await storage.delete(key)).isOk()).toBe(true)
    expect(count()).toBe(0)
    if (spoolFolder) expect(await readdir(spoolFolder)).toEqual([])
    if (spoolFolder) await rm(spoolFolder, { recursive: true })
  })
})

describe('An upload', () => {
  it.runIf(process.platform === 'linux')('that nobody takes lets go of what was gathered', async () => {
    const spoolFolder = await mkdtemp(join(tmpdir(), 'mediaport-spool-'))
    const { put } = await start({}, undefined, spoolFolder)
    await vendor.close()
    expect((await put())._unsafeUnwrapErr().type).toBe('unavailable')
    const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
    expect((await Promise.all(links)).filter((path) => path.startsWith(spoolFolder))).toEqual([])
    expect(await readdir(spoolFolder)).toEqual([])
    await rm(spoolFolder, { recursive: true })
  })

  it.runIf(process.platform === 'linux')('has no room where the disk that gathers it has none', async () => {
    const spoolFolder = await mkdtemp(join(tmpdir(), 'mediaport-spool-'))
    const { put } = await start({}, undefined, spoolFolder)
    await symlink('/dev/full', join(spoolFolder, key))
    expect((await put())._unsafeUnwrapErr()).toMatchObject({
      type: 'insufficient-storage',
      cause: { message: expect.stringContaining('ENOSPC') },
    })
    await rm(spoolFolder, { recursive: true })
  })

  it('tells how many bytes were counted there', async () => {
    const { put } = await start()
    vendor.faults.upload = { type: 'wrong size' }
    expect((await put(pngOf(500_000)))._unsafeUnwrap().size).toBe(499_999)
  })

  it('that is too large for the plan is refused for good', async () => {
    const { put, kept } = await start({ maxFile: 1000 })
    expect((await put(pngOf(1001)))._unsafeUnwrapErr().type).toBe('storage-error')
    expect(kept()).toBe(0)
    expect((await put(pngOf(1000))).isOk()).toBe(true)
  })

  it('that should have said how long it is is refused for good', async () => {
    const { put, kept } = await start({ switches: { chunkedUploads: false } })
    const error = (await put())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'storage-error', cause: { message: expect.stringContaining('411') } })
    expect(kept()).toBe(0)
  })

  it.each<[Fault, RegExp]>([
    [{ type: 'early refusal', status: 400 }, /^ImageKit answered 400 .*\(request [0-9a-f-]{36}\)$/],
    [{ type: 'accepted' }, /^ImageKit: .*fileId/],
    [{ type: 'error page', status: 502 }, /^ImageKit answered 502 .*Bad Gateway/],
    [{ type: 'reset', afterBytes: 0 }, /^ImageKit: .*(ECONNRESET|EPIPE|closed)/],
  ])('that met %j says so in one line', async (fault, line) => {
    const { put } = await start()
    vendor.faults.upload = fault
    expect(String((await put())._unsafeUnwrapErr().cause)).toMatch(new RegExp(`^Error: ${line.source.slice(1)}`))
  })

  it('to a path that is taken is no success: an earlier one may have been kept', async () => {
    const { put, kept } = await start()
    expect((await put()).isOk()).toBe(true)
    expect((await put())._unsafeUnwrapErr().type).toBe('unavailable')
    expect(kept()).toBe(1)
  })

  it('that is given up while it waits for its answer ends at once', async () => {
    const { put } = await start()
    vendor.faults.upload = { type: 'no answer' }
    const giveUp = new AbortController()
    const putting = put(PNG, giveUp.signal)
    setImmediate(() => giveUp.abort(new Error('enough')))
    expect(['interrupted', 'unavailable']).toContain((await putting)._unsafeUnwrapErr().type)
  })

  it('with a key that is not known is refused, and no word of it is told', async () => {
    const secret = 'private_of_somebody_else'
    const { storage, put } = await start({}, secret)
    const errors = [
      (await put())._unsafeUnwrapErr(),
      (await storage.delete(key))._unsafeUnwrapErr(),
      (await storage.list())._unsafeUnwrapErr(),
    ]
    expect(errors.map(({ type }) => type)).toEqual(['storage-error', 'unavailable', 'unavailable'])
    const told = inspect(errors, { depth: Number.POSITIVE_INFINITY, showHidden: true })
    expect(told).not.toContain(secret)
    expect(told).not.toContain(Buffer.from(`${secret}:`).toString('base64').slice(0, 20))
  })
})

describe('Other requests', () => {
  it('wait as long as a rate limit says, and are then answered', async () => {
    const { storage, put } = await start()
    await put()
    vendor.faults.api = { type: 'rate limit', ms: 20, times: 3 }
    expect((await storage.list())._unsafeUnwrap()).toHaveLength(1)
  })

  it('do not wait longer than anybody would', async () => {
    const { storage } = await start()
    vendor.faults.api = { type: 'rate limit', ms: 3_600_000, times: 1 }
    expect((await storage.list())._unsafeUnwrapErr().type).toBe('unavailable')
  })

  it.each<Fault>([
    { type: 'error page', status: 500 },
    { type: 'reset', afterBytes: 0 },
  ])('that meet %j say so', async (fault) => {
    const { storage, put } = await start()
    await put()
    vendor.faults.api = fault
    expect((await storage.open(key))._unsafeUnwrapErr().type).toBe('unavailable')
    expect((await storage.list())._unsafeUnwrapErr().type).toBe('unavailable')
    expect((await storage.delete(key))._unsafeUnwrapErr().type).toBe('unavailable')
  })
})

describe('A file', () => {
  it('is purged from delivery when it is deleted', async () => {
    const { storage, put } = await start()
    const { url } = (await put())._unsafeUnwrap()
    await storage.delete(key)
    expect(vendor.library.purged).toEqual([`${url}*`])
  })

  it('that lists do not show yet is deleted at once by the name that ImageKit gave it', async () => {
    const { storage, put, kept } = await start({ switches: { listLag: 60_000 } })
    const { fileId, url } = (await put())._unsafeUnwrap()
    expect((await storage.delete(key, fileId)).isOk()).toBe(true)
    expect(kept()).toBe(0)
    expect(vendor.library.purged).toEqual([`${url}*`])
    expect((await storage.delete(key, fileId)).isOk()).toBe(true)
  })

  it('that a process had spooled when it was killed is gone from its disk once it is deleted', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mediaport-spool-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const { storage, put, kept } = await start({}, undefined, folder)
    vendor.faults.upload = { type: 'no answer' }
    const giveUp = new AbortController()
    const putting = put(PNG, giveUp.signal)
    await expect.poll(() => readdir(folder)).toEqual([key])
    // What a killed process leaves, beside the one that clears it away.
    await copyFile(join(folder, key), join(folder, 'copy'))
    giveUp.abort(new Error('enough'))
    await putting
    await rename(join(folder, 'copy'), join(folder, key))
    expect((await storage.delete(key)).isOk()).toBe(true)
    expect([await readdir(folder), kept()]).toEqual([[], 0])
  })

  it('that lists do not show yet is deleted when it is tried again', async () => {
    const { storage, put, kept } = await start({ switches: { listLag: 300 } })
    await put()
    await storage.delete(key)
    expect(kept()).toBe(1)
    await expect.poll(async () => (await storage.delete(key)).map(kept)).toEqual(expect.objectContaining({ value: 0 }))
  })

  it('has an address of the original, signed and for a short while', async () => {
    const { storage, put } = await start()
    await put()
    const address = storage.address(key)
    expect(address).toMatch(/tr=orig-true&ik-t=\d+&ik-s=[0-9a-f]{40}$/)
    expect(PNG.equals(Buffer.from(await (await fetch(address)).arrayBuffer()))).toBe(true)
    for (const altered of [
      address.replace(/ik-s=.*/, ''),
      address.replace('orig-true', 'w-10'),
      address.replace(/ik-t=\d/, 'ik-t=9'),
    ])
      expect((await fetch(altered)).status).toBe(401)
  })

  it('is read as it was uploaded', async () => {
    const { storage, put } = await start()
    await put()
    expect(PNG.equals(await collect((await storage.open(key))._unsafeUnwrap()))).toBe(true)
  })
})

it('A file whose bytes broke off can be let go of all the same', async () => {
  vendor = await startLocalImagekit()
  const half = ReadableStream.from(
    (async function* () {
      yield PNG
      throw new Error('terminated')
    })(),
  )
  const storage = new ImagekitFileStorage({
    privateKey: vendor.privateKey,
    urlEndpoint: vendor.urlEndpoint,
    folder: '/media/installation',
    isPrivate: false,
    fetch: async () => new Response(half),
  })
  const bytes = (await storage.open(key))._unsafeUnwrap()[Symbol.asyncIterator]()
  await expect(collect({ [Symbol.asyncIterator]: () => ({ next: () => bytes.next() }) })).rejects.toThrow('terminated')
  await expect(bytes.return?.()).resolves.toMatchObject({ done: true })
})
