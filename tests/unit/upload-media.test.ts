import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { SNIFF_BYTES } from '../../src/application/ports/sniff.ts'
import type { Upload } from '../../src/application/upload/upload-media.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import { chunksOf, GIF, inChunks, JPEG, noise, PDF, PNG, pngOf, sha256 } from '../samples.ts'
import { createWorld, override, Sender, type World } from './world.ts'

const hex = (digits: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))

async function upload({ mediaport }: World, upload: Partial<Upload> = {}) {
  return (
    await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG), ...upload })
  )._unsafeUnwrap()
}

async function uploadError({ mediaport }: World, upload: Partial<Upload>) {
  return (
    await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: inChunks(PNG), ...upload })
  )._unsafeUnwrapErr()
}

async function expectNoTrace(world: World): Promise<void> {
  expect(await world.rows()).toEqual([])
  expect(await world.files()).toBe(0)
  expect(world.events).toEqual([])
}

describe('An upload', () => {
  it('creates a media item with all fields', async () => {
    const world = createWorld()
    const bytes = pngOf(100_000)
    const before = Date.now()
    const { replayed, ...media } = await upload(world, {
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
    expect(await world.rows()).toStrictEqual([media])
    expect(world.events).toEqual([{ type: 'media-stored', id, attempt: media.attempt }])
    expect(bytes.equals(await world.content(id))).toBe(true)
  })

  it('is narrowed by its own limits, never widened', async () => {
    const world = createWorld()
    const tooLarge = await uploadError(world, { policy: { maxFileSize: PNG.length - 1 } })
    expect(tooLarge).toMatchObject({ type: 'too-large', limit: PNG.length - 1 })
    expect(await uploadError(world, { policy: { allowedTypes: [] } })).toMatchObject({ type: 'unsupported-file-type' })
    expect(await upload(world, { policy: { maxFileSize: PNG.length } })).toMatchObject({ sizeBytes: PNG.length })
    expect(() =>
      world.mediaport.uploadMedia({
        owner: 'me',
        filename: 'a.png',
        body: inChunks(PNG),
        policy: { maxFileSize: Number.NaN },
      }),
    ).toThrow(TypeError)
  })

  it('needs only an owner, a file name and bytes', async () => {
    const media = await upload(createWorld(), { filename: 'holiday 1.png' })
    expect(media).toMatchObject({ owner: 'me', title: 'holiday 1', tags: [] })
  })

  it.each([
    ['image/png', PNG],
    ['image/jpeg', JPEG],
    ['image/gif', GIF],
    ['application/pdf', PDF],
  ])('has the type %s of its bytes, for any extension', async (mimeType, bytes) => {
    const world = createWorld()
    const media = await upload(world, { body: inChunks(bytes), filename: 'holiday.jpg' })
    expect(media).toMatchObject({ mimeType, filename: 'holiday.jpg', sizeBytes: bytes.length })
    expect(bytes.equals(await world.content(media.id))).toBe(true)
  })

  it.each([
    ['one byte at a time', pngOf(6000), 1],
    ['in one chunk', pngOf(300_000), 300_000],
    ['in chunks of the size of the head', pngOf(SNIFF_BYTES * 3), SNIFF_BYTES],
    ['as exactly one head', pngOf(SNIFF_BYTES), 1000],
    ['as one head and one more byte', pngOf(SNIFF_BYTES + 1), SNIFF_BYTES],
  ])('keeps every byte if the body arrives %s', async (_, bytes, chunkSize) => {
    const world = createWorld()
    const media = await upload(world, { body: inChunks(bytes, chunkSize) })
    expect(media).toMatchObject({ sizeBytes: bytes.length, sha256: sha256(bytes) })
    expect(bytes.equals(await world.content(media.id))).toBe(true)
  })

  it('ignores empty chunks', async () => {
    const world = createWorld()
    const empty = new Uint8Array()
    const body = new Sender(empty, PNG.subarray(0, 10), empty, empty, PNG.subarray(10), empty, noise(9000), empty).end()
    const media = await upload(world, { body })
    expect(media.sizeBytes).toBe(PNG.length + 9000)
  })

  it('accepts a Node.js stream', async () => {
    const body = Readable.from([PNG, noise(100_000)])
    expect(await upload(createWorld(), { body })).toMatchObject({ sizeBytes: PNG.length + 100_000 })
  })

  it('creates a second media item for the same bytes', async () => {
    const world = createWorld()
    const [one, other] = await Promise.all([upload(world), upload(world)])
    expect(one.id).not.toBe(other.id)
    expect(one.storageKey).not.toBe(other.storageKey)
    expect(await world.files()).toBe(2)
  })

  it('passes the content type of the bytes to the storage', async () => {
    const types: string[] = []
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          put: (key, body, hints) => {
            types.push(hints.contentType)
            return storage.put(key, body, hints)
          },
        }),
    })
    await upload(world, { body: inChunks(GIF), filename: 'a.jpg' })
    expect(types).toEqual(['image/gif'])
  })

  it('has the file id and the URL that the storage returns', async () => {
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, {
          put: (...put) =>
            storage.put(...put).map(({ size }) => ({ fileId: 'f1', url: 'https://files.example/1', size })),
        }),
    })
    expect(await upload(world)).toMatchObject({ fileId: 'f1', url: 'https://files.example/1' })
  })

  it('has a fingerprint of its bytes, name, title and tags', async () => {
    const world = createWorld()
    const details = { title: 'T', tags: ['x', 'y'] }
    const same = { details, filename: 'a.png' }
    const { fingerprint } = await upload(world, same)
    const fingerprintOf = async (changes: Partial<Upload>) => (await upload(world, { ...same, ...changes })).fingerprint
    expect(await fingerprintOf({})).toBe(fingerprint)
    expect(await fingerprintOf({ owner: 'you', body: inChunks(PNG, 3) })).toBe(fingerprint)
    expect(await fingerprintOf({ filename: 'dir/a.png', details: { title: ' T ', tags: ['X', 'y', 'x'] } })).toBe(
      fingerprint,
    )
    const others = [
      await fingerprintOf({ body: inChunks(GIF) }),
      await fingerprintOf({ filename: 'b.png' }),
      await fingerprintOf({ details: { ...details, title: 'U' } }),
      await fingerprintOf({ details: { tags: details.tags } }),
      await fingerprintOf({ details: { title: 'T', tags: ['x'] } }),
      await fingerprintOf({ details: { title: 'T', tags: ['xy'] } }),
      await fingerprintOf({ details: {} }),
    ]
    expect(new Set([fingerprint, ...others]).size).toBe(others.length + 1)
  })

  it('waits for details that arrive after the bytes', async () => {
    const world = createWorld()
    const details = Promise.withResolvers<{ title: string }>()
    const result = world.mediaport.uploadMedia({
      owner: 'me',
      filename: 'a.png',
      body: inChunks(PNG),
      details: ResultAsync.fromSafePromise(details.promise),
    })
    await expect.poll(world.files).toBe(1)
    expect(await world.row()).toMatchObject({ state: 'receiving' })
    details.resolve({ title: 'late title' })
    expect((await result)._unsafeUnwrap()).toMatchObject({ title: 'late title' })
  })
})

describe('The body of an upload is read', () => {
  it('once, and at most one head ahead of the storage', async () => {
    const chunk = 1000
    let sentBytes = 0
    let readBytes = 0
    const bytesAhead: number[] = []
    async function* body() {
      for await (const bytes of inChunks(pngOf(50_000), chunk)) {
        sentBytes += bytes.length
        yield bytes
      }
    }
    async function* slowly(bytes: AsyncIterable<Uint8Array>) {
      for await (const each of bytes) {
        await setImmediate()
        bytesAhead.push(sentBytes - readBytes - each.length)
        readBytes += each.length
        yield each
      }
    }
    const world = createWorld({
      wrapStorage: (storage) =>
        override(storage, { put: (key, bytes, hints) => storage.put(key, slowly(bytes), hints) }),
    })
    await upload(world, { body: body() })
    expect(sentBytes).toBe(50_000)
    expect(readBytes).toBe(50_000)
    expect(Math.max(...bytesAhead)).toBeLessThan(SNIFF_BYTES + chunk)
    expect(Math.max(...bytesAhead.slice(Math.ceil(SNIFF_BYTES / chunk)))).toBe(0)
  })

  it('to its end before the media item is visible', async () => {
    const world = createWorld()
    const sender = new Sender(pngOf(10_000))
    const result = world.mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body: sender })
    await expect.poll(world.rows).toMatchObject([{ state: 'receiving', storage: 'memory' }])
    expect((await world.mediaport.listMedia({ owner: EVERYONE }))._unsafeUnwrap().items).toEqual([])
    expect(world.events).toEqual([])
    sender.send(noise(10)).end()
    expect((await result)._unsafeUnwrap().sizeBytes).toBe(10_010)
  })

  it('no further than the size limit', async () => {
    const sender = new Sender()
    for (let n = 0; n < 100; n++) sender.send(n === 0 ? pngOf(1000) : noise(1000))
    const world = createWorld({ policy: { maxFileSize: 20_000 } })
    expect(await uploadError(world, { body: sender })).toEqual({ type: 'too-large', limit: 20_000 })
    expect(sender.reads).toBe(21)
    expect(sender.stopped).toBe(true)
  })
})

describe('An upload of the maximum size', () => {
  it.each([
    ['is accepted', 50_000, 50_000],
    ['is accepted if the limit is smaller than a head', 500, 500],
    ['is accepted if it ends with an empty chunk', 50_000, 50_000],
  ])('%s', async (_, size, maxFileSize) => {
    const world = createWorld({ policy: { maxFileSize } })
    const body = new Sender(...chunksOf(pngOf(size), 999), new Uint8Array()).end()
    expect((await upload(world, { body })).sizeBytes).toBe(size)
  })

  it.each([
    ['in many chunks', 50_000, 999],
    ['in one chunk', 50_000, 50_001],
    ['in a separate last chunk', 50_000, 50_000],
    ['within its head', 500, 100],
  ])('and one more byte, %s, is rejected and leaves no file', async (_, maxFileSize, chunkSize) => {
    const world = createWorld({ policy: { maxFileSize } })
    const error = await uploadError(world, { body: inChunks(pngOf(maxFileSize + 1), chunkSize) })
    expect(error).toEqual({ type: 'too-large', limit: maxFileSize })
    expect(await world.files()).toBe(0)
    for (const row of await world.rows()) expect(row.state).toBe('abandoned')
  })
})

describe('An upload is rejected without a row, a file or an event', () => {
  const junk = 'unsupported-file-type'
  const html = Buffer.from('<!doctype html><script>alert(1)</script>')
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')

  it.each<[string, Uint8Array[], string, object]>([
    ['has no bytes', [], 'a.png', { type: 'empty-file' }],
    ['has only empty chunks', [Buffer.alloc(0), Buffer.alloc(0)], 'a.png', { type: 'empty-file' }],
    ['is noise', [noise(10_000)], 'a.png', { type: junk, found: undefined }],
    ['is text', [Buffer.from('https://files.example/a.png')], 'a.png', { type: junk, found: undefined }],
    ['is HTML', [html], 'a.png', { type: junk, found: undefined }],
    ['is SVG', [svg], 'a.png', { type: junk, found: 'image/svg+xml' }],
    ['is a ZIP archive', [Buffer.from('PK\x03\x04\x14\0\0\0\0\0')], 'a.png', { type: junk, found: 'application/zip' }],
    ['has the extension of HTML', [PNG], 'a.html', { type: 'extension-mismatch', extension: 'html' }],
    ['has the extension of a program', [PNG], 'photo.png.EXE', { type: 'extension-mismatch', extension: 'exe' }],
    ['has no name', [PNG], '', { type: 'missing-file' }],
    ['has a name that is only a folder', [PNG], 'dir/', { type: 'missing-file' }],
    ['has a name that is the parent folder', [PNG], 'a\\..', { type: 'missing-file' }],
  ])('if it %s', async (_, chunks, filename, error) => {
    const world = createWorld()
    const sender = new Sender(...chunks).end()
    expect(await uploadError(world, { body: sender, filename })).toEqual(error)
    expect(sender.stopped).toBe(true)
    await expectNoTrace(world)
  })

  it('if its type is not allowed', async () => {
    const world = createWorld({ policy: { allowedTypes: [] } })
    expect(await uploadError(world, {})).toEqual({ type: junk, found: 'image/png' })
    await expectNoTrace(world)
  })

  it('if its sender fails within the head', async () => {
    const world = createWorld()
    const cause = new Error('left')
    const sender = new Sender(PNG).fail(cause)
    expect(await uploadError(world, { body: sender })).toEqual({ type: 'body-failed', cause })
    await expectNoTrace(world)
  })

  it('because of its name, before its body is read', async () => {
    const sender = new Sender()
    expect(await uploadError(createWorld(), { body: sender, filename: '..' })).toEqual({ type: 'missing-file' })
    expect(sender.reads).toBe(0)
    expect(sender.stopped).toBe(true)
  })

  it('because of its type, after only the head is read', async () => {
    const sender = new Sender(...Array.from({ length: 100 }, (_, n) => noise(1000, `${n}`)))
    expect(await uploadError(createWorld(), { body: sender })).toEqual({ type: junk, found: undefined })
    expect(sender.reads).toBe(Math.ceil(SNIFF_BYTES / 1000))
  })

  it('and a Node.js stream is destroyed', async () => {
    const body = Readable.from(inChunks(noise(1_000_000), 1000))
    await uploadError(createWorld(), { body })
    await expect.poll(() => body.destroyed).toBe(true)
  })

  it('although `return` of the body never settles', async () => {
    const world = createWorld()
    const sender = override(new Sender(noise(5000)), { return: () => new Promise(() => {}) })
    const body = { [Symbol.asyncIterator]: () => sender }
    expect(await uploadError(world, { body })).toEqual({ type: junk, found: undefined })
  })

  it('although the body has no `return`', async () => {
    const sender = new Sender(noise(5000))
    const body = { [Symbol.asyncIterator]: () => ({ next: () => sender.next() }) }
    expect(await uploadError(createWorld(), { body })).toEqual({ type: junk, found: undefined })
  })
})

it('An upload whose new id already exists fails and does not change the existing row', async () => {
  const id = '01990000-0000-7000-8000-000000000000' as MediaId
  const world = createWorld({ ports: { identity: { ...randomIdentity, newId: () => id } } })
  const { replayed: _, ...first } = await upload(world)
  expect(await uploadError(world, { body: inChunks(GIF) })).toMatchObject({
    type: 'unavailable',
    dependency: 'database',
  })
  expect((await world.media.get(id))._unsafeUnwrap()).toStrictEqual(first)
  expect(await world.files()).toBe(1)
})
