import { copyFile, readdir, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import type { Fault } from '../imagekit/faults.ts'
import { type LocalImagekit, type LocalOptions, startLocalImagekit } from '../imagekit/local-server.ts'
import { collect, inChunks, PNG, pngOf } from '../samples.ts'
import { openFilesIn } from '../support/files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

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
  return { storage, put, countFiles: () => vendor.library.all.length }
}

describe.each([
  ['that is streamed', false],
  ['that is spooled', true],
])('An upload to ImageKit %s', (_, spools) => {
  it.each<[string, Fault, string, number]>([
    ['kept without an answer', { type: 'answer lost' }, 'unavailable', 1],
    ['answered with an error page', { type: 'error page', status: 502 }, 'unavailable', 0],
    ['reset in the middle', { type: 'reset', afterBytes: 100_000 }, 'unavailable', 0],
    ['refused early', { type: 'early refusal', status: 400 }, 'storage-error', 0],
    ['beyond the quota', { type: 'early refusal', status: 403 }, 'insufficient-storage', 0],
    ['accepted with 202', { type: 'accepted' }, 'unavailable', 1],
    ['beyond the rate limit', { type: 'rate limit', ms: 100, times: 1 }, 'unavailable', 0],
  ])('and %s fails, and its file can be deleted', async (_, fault, error, kept) => {
    const spoolFolder = spools ? temporaryFolder() : undefined
    const { storage, put, countFiles } = await start({}, undefined, spoolFolder)
    vendor.faults.upload = fault
    const answer = (await put(pngOf(500_000)))._unsafeUnwrapErr()
    expect(answer.type).toBe(error)
    expect(countFiles()).toBe(kept)
    expect((await storage.delete(key)).isOk()).toBe(true)
    expect(countFiles()).toBe(0)
    if (spoolFolder) expect(await readdir(spoolFolder)).toEqual([])
  })
})

describe('An upload to ImageKit', () => {
  it.runIf(process.platform === 'linux')(
    'closes and deletes its spool file if ImageKit cannot be reached',
    async () => {
      const spoolFolder = temporaryFolder()
      const { put } = await start({}, undefined, spoolFolder)
      await vendor.close()
      expect((await put())._unsafeUnwrapErr().type).toBe('unavailable')
      expect(await openFilesIn(spoolFolder)).toEqual([])
      expect(await readdir(spoolFolder)).toEqual([])
    },
  )

  it.runIf(process.platform === 'linux')(
    'fails with insufficient-storage if the disk of the spool folder is full',
    async () => {
      const spoolFolder = temporaryFolder()
      const { put } = await start({}, undefined, spoolFolder)
      await symlink('/dev/full', join(spoolFolder, key))
      expect((await put())._unsafeUnwrapErr()).toMatchObject({
        type: 'insufficient-storage',
        cause: { message: expect.stringContaining('ENOSPC') },
      })
    },
  )

  it('returns the size that ImageKit reports', async () => {
    const { put } = await start()
    vendor.faults.upload = { type: 'wrong size' }
    expect((await put(pngOf(500_000)))._unsafeUnwrap().size).toBe(499_999)
  })

  it('that is too large for the plan fails with storage-error', async () => {
    const { put, countFiles } = await start({ maxFile: 1000 })
    expect((await put(pngOf(1001)))._unsafeUnwrapErr().type).toBe('storage-error')
    expect(countFiles()).toBe(0)
    expect((await put(pngOf(1000))).isOk()).toBe(true)
  })

  it('without a required length fails with storage-error', async () => {
    const { put, countFiles } = await start({ switches: { chunkedUploads: false } })
    const error = (await put())._unsafeUnwrapErr()
    expect(error).toMatchObject({ type: 'storage-error', cause: { message: expect.stringContaining('411') } })
    expect(countFiles()).toBe(0)
  })

  it.each<[Fault, RegExp]>([
    [{ type: 'early refusal', status: 400 }, /^ImageKit answered 400 .*\(request [0-9a-f-]{36}\)$/],
    [{ type: 'accepted' }, /^ImageKit: .*fileId/],
    [{ type: 'error page', status: 502 }, /^ImageKit answered 502 .*Bad Gateway/],
    [{ type: 'reset', afterBytes: 0 }, /^ImageKit: .*(ECONNRESET|EPIPE|closed)/],
  ])('that meets %j fails with a message of one line', async (fault, line) => {
    const { put } = await start()
    vendor.faults.upload = fault
    expect(String((await put())._unsafeUnwrapErr().cause)).toMatch(new RegExp(`^Error: ${line.source.slice(1)}`))
  })

  it('to an existing path fails with unavailable', async () => {
    const { put, countFiles } = await start()
    expect((await put()).isOk()).toBe(true)
    expect((await put())._unsafeUnwrapErr().type).toBe('unavailable')
    expect(countFiles()).toBe(1)
  })

  it('ends at once if it is aborted while it waits for its answer', async () => {
    const { put } = await start()
    vendor.faults.upload = { type: 'no answer' }
    const controller = new AbortController()
    const result = put(PNG, controller.signal)
    setImmediate(() => controller.abort(new Error('enough')))
    expect(['interrupted', 'unavailable']).toContain((await result)._unsafeUnwrapErr().type)
  })

  it('with an unknown private key fails, and no error contains the key', async () => {
    const secret = 'private_of_another_account'
    const { storage, put } = await start({}, secret)
    const errors = [
      (await put())._unsafeUnwrapErr(),
      (await storage.delete(key))._unsafeUnwrapErr(),
      (await storage.list())._unsafeUnwrapErr(),
    ]
    expect(errors.map(({ type }) => type)).toEqual(['storage-error', 'unavailable', 'unavailable'])
    const output = inspect(errors, { depth: Number.POSITIVE_INFINITY, showHidden: true })
    expect(output).not.toContain(secret)
    expect(output).not.toContain(Buffer.from(`${secret}:`).toString('base64').slice(0, 20))
  })
})

describe('Other requests to ImageKit', () => {
  it('are repeated after the delay of a rate limit', async () => {
    const { storage, put } = await start()
    await put()
    vendor.faults.api = { type: 'rate limit', ms: 20, times: 3 }
    expect((await storage.list())._unsafeUnwrap()).toHaveLength(1)
  })

  it('fail if the delay of a rate limit is an hour', async () => {
    const { storage } = await start()
    vendor.faults.api = { type: 'rate limit', ms: 3_600_000, times: 1 }
    expect((await storage.list())._unsafeUnwrapErr().type).toBe('unavailable')
  })

  it.each<Fault>([
    { type: 'error page', status: 500 },
    { type: 'reset', afterBytes: 0 },
  ])('that meet %j fail with unavailable', async (fault) => {
    const { storage, put } = await start()
    await put()
    vendor.faults.api = fault
    expect((await storage.open(key))._unsafeUnwrapErr().type).toBe('unavailable')
    expect((await storage.list())._unsafeUnwrapErr().type).toBe('unavailable')
    expect((await storage.delete(key))._unsafeUnwrapErr().type).toBe('unavailable')
  })
})

describe('A file at ImageKit', () => {
  it('is purged from the CDN when it is deleted', async () => {
    const { storage, put } = await start()
    const { url } = (await put())._unsafeUnwrap()
    await storage.delete(key)
    expect(vendor.library.purged).toEqual([`${url}*`])
  })

  it('that lists do not contain yet is deleted at once by its file id', async () => {
    const { storage, put, countFiles } = await start({ switches: { listLag: 60_000 } })
    const { fileId, url } = (await put())._unsafeUnwrap()
    expect((await storage.delete(key, fileId)).isOk()).toBe(true)
    expect(countFiles()).toBe(0)
    expect(vendor.library.purged).toEqual([`${url}*`])
    expect((await storage.delete(key, fileId)).isOk()).toBe(true)
  })

  it('is also deleted from the spool folder if a killed process left it there', async () => {
    const folder = temporaryFolder()
    const { storage, put, countFiles } = await start({}, undefined, folder)
    vendor.faults.upload = { type: 'no answer' }
    const controller = new AbortController()
    const result = put(PNG, controller.signal)
    await expect.poll(() => readdir(folder)).toEqual([key])
    // The spool file that a killed process leaves.
    await copyFile(join(folder, key), join(folder, 'copy'))
    controller.abort(new Error('enough'))
    await result
    await rename(join(folder, 'copy'), join(folder, key))
    expect((await storage.delete(key)).isOk()).toBe(true)
    expect([await readdir(folder), countFiles()]).toEqual([[], 0])
  })

  it('that lists do not contain yet is deleted by a later call', async () => {
    const { storage, put, countFiles } = await start({ switches: { listLag: 300 } })
    await put()
    await storage.delete(key)
    expect(countFiles()).toBe(1)
    await expect
      .poll(async () => (await storage.delete(key)).map(countFiles))
      .toEqual(expect.objectContaining({ value: 0 }))
  })

  it('has a signed address of the original with an expiry time', async () => {
    const { storage, put } = await start()
    await put()
    const address = storage.address(key)
    expect(address).toMatch(/tr=orig-true&ik-t=\d+&ik-s=[0-9a-f]{40}$/)
    expect(PNG.equals(Buffer.from(await (await fetch(address)).arrayBuffer()))).toBe(true)
    for (const changed of [
      address.replace(/ik-s=.*/, ''),
      address.replace('orig-true', 'w-10'),
      address.replace(/ik-t=\d/, 'ik-t=9'),
    ])
      expect((await fetch(changed)).status).toBe(401)
  })

  it('is read as it was uploaded', async () => {
    const { storage, put } = await start()
    await put()
    expect(PNG.equals(await collect((await storage.open(key))._unsafeUnwrap()))).toBe(true)
  })
})

it('The content of a file at ImageKit can be closed after it broke off', async () => {
  vendor = await startLocalImagekit()
  const truncated = ReadableStream.from(
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
    fetch: async () => new Response(truncated),
  })
  const bytes = (await storage.open(key))._unsafeUnwrap()[Symbol.asyncIterator]()
  await expect(collect({ [Symbol.asyncIterator]: () => ({ next: () => bytes.next() }) })).rejects.toThrow('terminated')
  await expect(bytes.return?.()).resolves.toMatchObject({ done: true })
})
