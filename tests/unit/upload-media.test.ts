import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { SNIFF_BYTES } from '../../src/application/ports/sniff.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { chunksOf, GIF, inChunks, JPEG, noise, PDF, PNG, pngOf, sha256 } from '../samples.ts'
import { eventually, over, Sender, type World, world } from './world.ts'

const hex = (digits: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))

async function uploaded({ mediaport }: World, upload: Partial<Upload> = {}) {
  return (await mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG), ...upload }))._unsafeUnwrap()
}

async function refused({ mediaport }: World, upload: Partial<Upload>) {
  return (await mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG), ...upload }))._unsafeUnwrapErr()
}

async function nothingThere(at: World): Promise<void> {
  expect(await at.rows()).toEqual([])
  expect(await at.files()).toBe(0)
  expect(at.told).toEqual([])
}

describe('an upload', () => {
  it('makes a media of all that is known', async () => {
    const at = world()
    const bytes = pngOf(100_000)
    const before = Date.now()
    const { replayed, ...media } = await uploaded(at, {
      body: inChunks(bytes, 7919),
      filename: 'C:\\photos\\Cafe\u0301.png',
      details: { title: ' A title ', tags: ['B', 'a'], sha256: sha256(bytes).toUpperCase() },
      owner: 'me',
    })
    const { id, attempt } = media
    expect(replayed).toBe(false)
    expect(media).toStrictEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      state: 'stored',
      owner: 'me',
      attempt: hex(18),
      storage: 'memory',
      storageKey: `${id}.${attempt}`,
      filename: 'Café.png',
      mimeType: 'image/png',
      createdAt: expect.any(Date),
      fileId: `${id}.${attempt}`,
      url: undefined,
      sizeBytes: 100_000,
      sha256: sha256(bytes),
      fingerprint: hex(64),
      title: 'A title',
      tags: ['b', 'a'],
      version: 1,
    })
    expect(media.createdAt.getTime()).toBeGreaterThanOrEqual(before)
    expect(media.createdAt.getTime()).toBeLessThanOrEqual(Date.now())
    expect(await at.rows()).toStrictEqual([media])
    expect(at.told).toEqual([{ type: 'media-stored', id, attempt: media.attempt }])
    expect(bytes.equals(await at.content(id))).toBe(true)
  })

  it('needs no more than a name and bytes', async () => {
    const media = await uploaded(world(), { filename: 'holiday 1.png' })
    expect(media).toMatchObject({ owner: 'anonymous', title: 'holiday 1', tags: [] })
  })

  it.each([
    ['image/png', PNG],
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['application/pdf', PDF],
  ])('is taken as %s for its bytes, whatever it is called', async (mimeType, bytes) => {
    const at = world()
    const media = await uploaded(at, { body: inChunks(bytes), filename: 'holiday.jpg' })
    expect(media).toMatchObject({ mimeType, filename: 'holiday.jpg', sizeBytes: bytes.length })
    expect(bytes.equals(await at.content(media.id))).toBe(true)
  })

  it.each([
    ['byte by byte', pngOf(6000), 1],
    ['in one chunk', pngOf(300_000), 300_000],
    ['in chunks as long as its head', pngOf(SNIFF_BYTES * 3), SNIFF_BYTES],
    ['of just its head', pngOf(SNIFF_BYTES), 1000],
    ['of its head and a byte', pngOf(SNIFF_BYTES + 1), SNIFF_BYTES],
  ])('keeps every byte when they come %s', async (_, bytes, chunkSize) => {
    const at = world()
    const media = await uploaded(at, { body: inChunks(bytes, chunkSize) })
    expect(media).toMatchObject({ sizeBytes: bytes.length, sha256: sha256(bytes) })
    expect(bytes.equals(await at.content(media.id))).toBe(true)
  })

  it('does not end at an empty chunk', async () => {
    const at = world()
    const none = new Uint8Array()
    const body = new Sender(none, PNG.subarray(0, 10), none, none, PNG.subarray(10), none, noise(9000), none).end()
    const media = await uploaded(at, { body })
    expect(media.sizeBytes).toBe(PNG.length + 9000)
  })

  it('takes a stream of Node', async () => {
    const body = Readable.from([PNG, noise(100_000)])
    expect(await uploaded(world(), { body })).toMatchObject({ sizeBytes: PNG.length + 100_000 })
  })

  it('of the same bytes twice makes two media', async () => {
    const at = world()
    const [one, other] = await Promise.all([uploaded(at), uploaded(at)])
    expect(one.id).not.toBe(other.id)
    expect(one.storageKey).not.toBe(other.storageKey)
    expect(await at.files()).toBe(2)
  })

  it('tells the storage what type the bytes are', async () => {
    const types: string[] = []
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
          put: (key, body, hints) => {
            types.push(hints.contentType)
            return storage.put(key, body, hints)
          },
        }),
    })
    await uploaded(at, { body: inChunks(GIF), filename: 'a.jpg' })
    expect(types).toEqual(['image/gif'])
  })

  it("has the storage's own address and name of the file, where it has them", async () => {
    const at = world({
      wrapStorage: (storage) =>
        over(storage, {
          put: (...put) =>
            storage.put(...put).map(({ size }) => ({ fileId: 'f1', url: 'https://files.example/1', size })),
        }),
    })
    expect(await uploaded(at)).toMatchObject({ fileId: 'f1', url: 'https://files.example/1' })
  })

  it('can be told from another by its fingerprint: bytes, name, title and tags as first sent', async () => {
    const at = world()
    const details = { title: 'T', tags: ['x', 'y'] }
    const same = { details, filename: 'a.png' }
    const { fingerprint } = await uploaded(at, same)
    const print = async (upload: Partial<Upload>) => (await uploaded(at, { ...same, ...upload })).fingerprint
    expect(await print({})).toBe(fingerprint)
    expect(await print({ owner: 'you', body: inChunks(PNG, 3) })).toBe(fingerprint)
    expect(await print({ filename: 'dir/a.png', details: { title: ' T ', tags: ['X', 'y', 'x'] } })).toBe(fingerprint)
    const others = [
      await print({ body: inChunks(GIF) }),
      await print({ filename: 'b.png' }),
      await print({ details: { ...details, title: 'U' } }),
      await print({ details: { tags: details.tags } }),
      await print({ details: { title: 'T', tags: ['x'] } }),
      await print({ details: { title: 'T', tags: ['xy'] } }),
      await print({ details: {} }),
    ]
    expect(new Set([fingerprint, ...others]).size).toBe(others.length + 1)
  })

  it('waits for what is said about the file after its bytes', async () => {
    const at = world()
    const details = Promise.withResolvers<{ title: string }>()
    const uploading = at.mediaport.uploadMedia({
      filename: 'a.png',
      body: inChunks(PNG),
      details: ResultAsync.fromSafePromise(details.promise),
    })
    await eventually(at.files).toBe(1)
    expect(await at.row()).toMatchObject({ state: 'receiving' })
    details.resolve({ title: 'said at last' })
    expect((await uploading)._unsafeUnwrap()).toMatchObject({ title: 'said at last' })
  })
})

describe('an upload is read', () => {
  it('once, and never further ahead of the storage than its head', async () => {
    const chunk = 1000
    let sent = 0
    let taken = 0
    const ahead: number[] = []
    async function* body() {
      for await (const bytes of inChunks(pngOf(50_000), chunk)) {
        sent += bytes.length
        yield bytes
      }
    }
    async function* slowly(bytes: AsyncIterable<Uint8Array>) {
      for await (const each of bytes) {
        await setImmediate()
        ahead.push(sent - taken - each.length)
        taken += each.length
        yield each
      }
    }
    const at = world({
      wrapStorage: (storage) => over(storage, { put: (key, bytes, hints) => storage.put(key, slowly(bytes), hints) }),
    })
    await uploaded(at, { body: body() })
    expect(sent).toBe(50_000)
    expect(taken).toBe(50_000)
    expect(Math.max(...ahead)).toBeLessThan(SNIFF_BYTES + chunk)
    expect(Math.max(...ahead.slice(Math.ceil(SNIFF_BYTES / chunk)))).toBe(0)
  })

  it('to its end before anybody can see the media', async () => {
    const at = world()
    const sender = new Sender(pngOf(10_000))
    const uploading = at.mediaport.uploadMedia({ filename: 'a.png', body: sender })
    await eventually(at.rows).toMatchObject([{ state: 'receiving', storage: 'memory' }])
    expect((await at.mediaport.listMedia())._unsafeUnwrap().items).toEqual([])
    expect(at.told).toEqual([])
    sender.send(noise(10)).end()
    expect((await uploading)._unsafeUnwrap().sizeBytes).toBe(10_010)
  })

  it('no further than the limit', async () => {
    const sender = new Sender()
    for (let n = 0; n < 100; n++) sender.send(n === 0 ? pngOf(1000) : noise(1000))
    const at = world({ policy: { maxFileSize: 20_000 } })
    expect(await refused(at, { body: sender })).toEqual({ type: 'too-large', limit: 20_000 })
    expect(sender.asked).toBe(21)
    expect(sender.stopped).toBe(true)
  })
})

describe('an upload as large as the limit', () => {
  it.each([
    ['is taken', 50_000, 50_000],
    ['is taken when the limit is smaller than a head', 500, 500],
    ['is taken when it ends with an empty chunk', 50_000, 50_000],
  ])('%s', async (_, size, maxFileSize) => {
    const at = world({ policy: { maxFileSize } })
    const body = new Sender(...chunksOf(pngOf(size), 999), new Uint8Array()).end()
    expect((await uploaded(at, { body })).sizeBytes).toBe(size)
  })

  it.each([
    ['in many chunks', 50_000, 999],
    ['in one chunk', 50_000, 50_001],
    ['in a last chunk of its own', 50_000, 50_000],
    ['within its head', 500, 100],
  ])('and a byte more, %s, is refused, and nothing is left', async (_, maxFileSize, chunkSize) => {
    const at = world({ policy: { maxFileSize } })
    const error = await refused(at, { body: inChunks(pngOf(maxFileSize + 1), chunkSize) })
    expect(error).toEqual({ type: 'too-large', limit: maxFileSize })
    expect(await at.files()).toBe(0)
    for (const row of await at.rows()) expect(row.state).toBe('abandoned')
  })
})

describe('an upload is refused before it leaves a trace', () => {
  const junk = 'unsupported-file-type'
  const page = Buffer.from('<!doctype html><script>alert(1)</script>')
  const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')

  it.each<[string, Uint8Array[], string, object]>([
    ['has no bytes', [], 'a.png', { type: 'empty-file' }],
    ['has only empty chunks', [Buffer.alloc(0), Buffer.alloc(0)], 'a.png', { type: 'empty-file' }],
    ['is noise', [noise(10_000)], 'a.png', { type: junk, found: undefined }],
    ['is text', [Buffer.from('https://files.example/a.png')], 'a.png', { type: junk, found: undefined }],
    ['is a page', [page], 'a.png', { type: junk, found: undefined }],
    ['is a drawing', [drawing], 'a.png', { type: junk, found: 'image/svg+xml' }],
    ['hides other files', [Buffer.from('PK\x03\x04\x14\0\0\0\0\0')], 'a.png', { type: junk, found: 'application/zip' }],
    ['is called like a page', [PNG], 'a.html', { type: 'extension-mismatch', extension: 'html' }],
    ['is called like a program', [PNG], 'photo.png.EXE', { type: 'extension-mismatch', extension: 'exe' }],
    ['has no name', [PNG], '', { type: 'missing-file' }],
    ['has a name that is only a folder', [PNG], 'dir/', { type: 'missing-file' }],
    ['has a name that is no name', [PNG], 'a\\..', { type: 'missing-file' }],
  ])('when it %s', async (_, chunks, filename, error) => {
    const at = world()
    const sender = new Sender(...chunks).end()
    expect(await refused(at, { body: sender, filename })).toEqual(error)
    expect(sender.stopped).toBe(true)
    await nothingThere(at)
  })

  it('when its type is not among those allowed', async () => {
    const at = world({ policy: { allowedTypes: [] } })
    expect(await refused(at, {})).toEqual({ type: junk, found: 'image/png' })
    await nothingThere(at)
  })

  it('when its sender fails within its head', async () => {
    const at = world()
    const cause = new Error('left')
    const sender = new Sender(PNG).fail(cause)
    expect(await refused(at, { body: sender })).toEqual({ type: 'body-failed', cause })
    await nothingThere(at)
  })

  it('without being read for its name alone', async () => {
    const sender = new Sender()
    expect(await refused(world(), { body: sender, filename: '..' })).toEqual({ type: 'missing-file' })
    expect(sender.asked).toBe(0)
    expect(sender.stopped).toBe(true)
  })

  it('without being read beyond its head', async () => {
    const sender = new Sender(...Array.from({ length: 100 }, (_, n) => noise(1000, `${n}`)))
    expect(await refused(world(), { body: sender })).toEqual({ type: junk, found: undefined })
    expect(sender.asked).toBe(Math.ceil(SNIFF_BYTES / 1000))
  })

  it('and a stream of Node is closed', async () => {
    const body = Readable.from(inChunks(noise(1_000_000), 1000))
    await refused(world(), { body })
    await eventually(() => body.destroyed).toBe(true)
  })

  it('though its sender never answers that it stopped', async () => {
    const at = world()
    const sender = over(new Sender(noise(5000)), { return: () => new Promise(() => {}) })
    const body = { [Symbol.asyncIterator]: () => sender }
    expect(await refused(at, { body })).toEqual({ type: junk, found: undefined })
  })

  it('though its sender cannot be told to stop', async () => {
    const sender = new Sender(noise(5000))
    const body = { [Symbol.asyncIterator]: () => ({ next: () => sender.next() }) }
    expect(await refused(world(), { body })).toEqual({ type: junk, found: undefined })
  })
})

it('an upload meets a row of its own id: that is a fault of whoever makes ids', async () => {
  const id = '01990000-0000-7000-8000-000000000000' as MediaId
  const at = world({ ports: { identity: { ...randomIdentity, newId: () => id } } })
  const { replayed: _, ...first } = await uploaded(at)
  expect(await refused(at, { body: inChunks(GIF) })).toMatchObject({ type: 'unavailable', dependency: 'database' })
  expect((await at.media.get(id))._unsafeUnwrap()).toStrictEqual(first)
  expect(await at.files()).toBe(1)
})
