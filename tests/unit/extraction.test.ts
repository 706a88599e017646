import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import { afterAll, describe, expect, it } from 'vitest'
import { extractInProcess } from '../../src/adapters/extraction/in-process.ts'
import type { MessageToParent } from '../../src/adapters/extraction/messages.ts'
import { startChild } from '../../src/adapters/extraction/sandbox.ts'
import { SandboxedExtraction } from '../../src/adapters/extraction/sandboxed-extraction.ts'
import type { ExtractMetadata } from '../../src/application/ports/extract-metadata.ts'
import { MAX_TAGS_BYTES, type Metadata } from '../../src/domain/metadata.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { GIF, noise, PDF, PNG } from '../samples.ts'
import * as hostile from './hostile-files.ts'

const sandbox = new SandboxedExtraction()
afterAll(() => sandbox.close())

const sample = (name: string) => readFile(join(import.meta.dirname, '../samples', name))

/** Extracts metadata and counts the bytes that were read for it. */
async function readMetadata(type: string, bytes: Buffer, extract: ExtractMetadata = sandbox.extract) {
  let read = 0
  const result = await extract({
    contentType: type as ContentType,
    size: bytes.length,
    read: ({ start, end }) => {
      read += end - start + 1
      return okAsync(bytes.subarray(start, end + 1))
    },
  })
  return { metadata: result._unsafeUnwrap(), read }
}
const metadataOf = async (...args: Parameters<typeof readMetadata>): Promise<Metadata> =>
  (await readMetadata(...args)).metadata

const CAMERA = {
  status: 'ready',
  width: 48,
  height: 32,
  orientation: 6,
  camera: { make: 'Canon', model: 'EOS R5', lens: 'RF 50mm' },
  exposure: { time: 0.008, fNumber: 2.8, iso: 100, focalLength: 50 },
  takenAt: '2026-11-23T10:00:00+01:00',
  location: { latitude: 48.8577, longitude: 2.295, altitude: 35 },
}

describe.each([
  ['in a child process', sandbox.extract],
  ['in this process', extractInProcess],
])('Extraction %s', (_, extract) => {
  it.each([
    ['jpeg', 'image/jpeg', 'picture.jpg', 'rgb'],
    ['png', 'image/png', 'picture.png', 'palette'],
    ['webp', 'image/webp', 'picture.webp', undefined],
    ['avif', 'image/avif', 'picture.avif', undefined],
    ['heic', 'image/heic', 'picture.heic', undefined],
    ['tiff', 'image/tiff', 'picture.tiff', undefined],
  ])('reads the camera metadata of a photograph in %s', async (format, type, name, colour) => {
    const metadata = await metadataOf(type, await sample(name), extract)
    // The encoder of the sample needs at least this size.
    const size = format === 'heic' && { width: 96, height: 64 }
    expect(metadata).toMatchObject({ ...CAMERA, ...size, format, ...(colour && { colour }) })
    expect(metadata.tags).toMatchObject({ exif: { Make: 'Canon', ISOSpeedRatings: 100 }, xmp: { subject: 'iron' } })
  })

  it.each([
    ['gif', 'image/gif', 'picture.gif'],
    ['bmp', 'image/bmp', 'picture.bmp'],
  ])('reads the dimensions of a picture in %s', async (format, type, name) => {
    const metadata = await metadataOf(type, await sample(name), extract)
    expect(metadata).toEqual({ status: 'none', format, width: 48, height: 32, tags: {} })
  })

  it.each([
    ['mp3', 'audio/mpeg', 1.152],
    ['m4a', 'audio/x-m4a', 1],
    ['flac', 'audio/flac', 1],
    ['ogg', 'audio/ogg', 1],
    ['wav', 'audio/wav', 1],
  ])('reads the duration and the artist of sound in %s', async (format, type, durationSeconds) => {
    const metadata = await metadataOf(type, await sample(`sound.${format}`), extract)
    expect(metadata).toMatchObject({ status: 'ready', format, durationSeconds })
    expect(metadata.tags).toMatchObject({ title: 'Nocturne', artist: 'Chopin' })
  })

  it.each([
    ['mp4', 'video/mp4'],
    ['mov', 'video/quicktime'],
    ['webm', 'video/webm'],
  ])('reads the duration and the dimensions of a film in %s', async (format, type) => {
    const metadata = await metadataOf(type, await sample(`film.${format}`), extract)
    expect(metadata).toMatchObject({ status: 'ready', format, width: 64, height: 48, durationSeconds: 2 })
    expect(metadata.tags).toMatchObject({ artist: 'Chopin' })
  })

  it('reads the time and the location of a film', async () => {
    expect(await metadataOf('video/quicktime', await sample('film.mov'), extract)).toMatchObject({
      takenAt: '2026-11-23T10:00:00+01:00',
      location: { latitude: 48.8577, longitude: 2.295, altitude: 35 },
    })
  })

  it('reads the number of pages of a PDF', async () => {
    expect(await metadataOf('application/pdf', PDF, extract)).toMatchObject({ format: 'pdf', pages: 1 })
  })

  it('reads no bytes of a file of an unsupported type', async () => {
    expect(await readMetadata('application/zip', noise(1000), extract)).toEqual({
      metadata: { status: 'none', tags: {} },
      read: 0,
    })
  })

  it('passes on the error of the storage, and reads the next file', async () => {
    const failure = { type: 'away' } as const
    const result = extract({ contentType: 'image/png' as ContentType, size: 1000, read: () => errAsync(failure) })
    expect((await result)._unsafeUnwrapErr()).toEqual(failure)
    expect(await metadataOf('image/gif', GIF, extract)).toMatchObject({ format: 'gif' })
  })
})

describe('The location of a file', () => {
  it.each([
    ['image/jpeg', 'picture.jpg'],
    ['image/png', 'picture.png'],
    ['image/heic', 'picture.heic'],
    ['video/quicktime', 'film.mov'],
  ])('is in no tag of %s (%s)', async (type, name) => {
    const { tags } = await metadataOf(type, await sample(name))
    expect(JSON.stringify(tags)).not.toMatch(/48[.,:°]|2\.29|Paris|GPS|6709|latitude/i)
  })
})

describe('A large file', () => {
  it.each([
    ['image/jpeg', 'picture.jpg'],
    ['image/png', 'picture.png'],
  ])('of the type %s is read no further than its metadata', async (type, name) => {
    const bytes = Buffer.concat([await sample(name), noise(8 * 1024 * 1024)])
    const { metadata, read } = await readMetadata(type, bytes)
    expect(metadata).toMatchObject(CAMERA)
    expect(read).toBeLessThan(512 * 1024)
  })

  it('is read at its end if the metadata is there', async () => {
    const film = await sample('film.mp4')
    const moovOffset = film.indexOf('moov') - 4
    const [before, moov] = [film.subarray(0, moovOffset), film.subarray(moovOffset)]
    const box = Buffer.from('00000000667265650000', 'hex').subarray(0, 8)
    box.writeUInt32BE(8 + 8 * 1024 * 1024)
    const { metadata, read } = await readMetadata(
      'video/mp4',
      Buffer.concat([before, box, Buffer.alloc(8 * 1024 * 1024), moov]),
    )
    expect(metadata).toMatchObject({ durationSeconds: 2, width: 64 })
    expect(read).toBeLessThan(1024 * 1024)
  })
})

describe('A file whose metadata needs more than 32 MiB', () => {
  it('of the type PNG has the metadata of its beginning', async () => {
    const photograph = await sample('picture.png')
    const end = photograph.indexOf('IDAT') - 4
    const parts = Array.from({ length: 6000 }, () => hostile.chunk('IDAT', Buffer.alloc(8192)))
    const { metadata, read } = await readMetadata('image/png', Buffer.concat([photograph.subarray(0, end), ...parts]))
    expect(metadata).toMatchObject({ status: 'partial', width: 48, camera: { make: 'Canon' } })
    expect(read).toBeLessThanOrEqual(32 * 1024 * 1024)
  })

  it('of the type AAC has its format', async () => {
    // ADTS, 44.1 kHz, stereo: frames of 8,184 bytes. The format does not contain their number.
    const frame = Buffer.concat([Buffer.from('fff15083ff00fc', 'hex'), Buffer.alloc(8177)])
    const { metadata } = await readMetadata('audio/aac', Buffer.alloc(36 * 1024 * 1024, frame))
    expect(metadata).toMatchObject({ status: 'partial', format: 'aac' })
  })
})

describe('A child process', () => {
  it('is replaced if it was killed while idle', async () => {
    const reader = new SandboxedExtraction()
    expect(await metadataOf('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    const before = await childPids()
    for (const pid of before) process.kill(pid, 'SIGKILL')
    await expect.poll(childPids).toEqual([])
    expect(await metadataOf('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    await reader.close()
  })

  it('that ends when a file arrives does not make the file fail', async () => {
    const reader = new SandboxedExtraction()
    for (let n = 0; n < 5; n++) {
      expect(await metadataOf('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
      for (const pid of await childPids()) process.kill(pid, 'SIGKILL')
    }
    await reader.close()
  })

  it('gets the first 64 KiB with the file, which is enough for a photograph', async () => {
    const photograph = await sample('picture.jpg')
    const { read } = await readMetadata('image/jpeg', Buffer.concat([photograph, noise(1_000_000)]))
    expect(read).toBe(64 * 1024)
  })

  it('that waits for bytes does not delay the next file', async () => {
    const reader = new SandboxedExtraction(10_000, 2)
    const bytes = noise(100_000)
    const secondRead = Promise.withResolvers<void>()
    const delay = Promise.withResolvers<void>()
    const slowResult = reader.extract({
      contentType: 'image/tiff' as ContentType,
      size: bytes.length,
      read: ({ start, end }) => {
        if (start > 0) secondRead.resolve()
        const answer = start > 0 ? delay.promise : Promise.resolve()
        return ResultAsync.fromSafePromise(answer).map(() => bytes.subarray(start, end + 1))
      },
    })
    await secondRead.promise
    expect(await metadataOf('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    delay.resolve()
    expect((await slowResult)._unsafeUnwrap()).toMatchObject({ status: 'failed' })
    await reader.close()
  })

  it('is started only if no other is free', async () => {
    const before = await childPids()
    const reader = new SandboxedExtraction(10_000, 2)
    for (let n = 0; n < 2; n++) await metadataOf('image/png', PNG, reader.extract)
    expect(await childPids()).toHaveLength(before.length + 1)
    await reader.close()
  })

  it('ignores bytes of the previous file', async () => {
    const child = await startChild()
    const reply = new Promise((resolve) => {
      child.on('message', (message: MessageToParent) => {
        if (message.type === 'described') resolve(message)
        if (message.type !== 'read') return
        if (message.file === 1) child.send({ type: 'describe', file: 2, contentType: 'image/png', size: PNG.length })
        else
          for (const [file, bytes] of [
            [1, GIF],
            [2, PNG],
          ] as const)
            child.send({ type: 'bytes', file, start: 0, bytes })
      })
    })
    child.send({ type: 'describe', file: 1, contentType: 'image/gif', size: GIF.length })
    expect(await reply).toMatchObject({ file: 2, metadata: { format: 'png', width: 1 } })
    child.kill('SIGKILL')
  })
})

/** The ids of the child processes of all sandboxes of this process. */
const childPids = async (): Promise<number[]> =>
  new Promise((resolve) => {
    execFile('pgrep', ['-P', String(process.pid), '-f', 'extraction/child'], (_, found) =>
      resolve(found.split('\n').filter(Boolean).map(Number)),
    )
  })

describe('A hostile file', () => {
  it.each(hostile.CASES)('(%s) gets a result within the limits, and the next file is read', async (_, type, file) => {
    const metadata = await metadataOf(type, file())
    expect(['failed', 'partial', 'none', 'ready']).toContain(metadata.status)
    expect(Buffer.byteLength(JSON.stringify(metadata.tags))).toBeLessThanOrEqual(MAX_TAGS_BYTES)
    expect(await metadataOf('image/png', PNG)).toMatchObject({ status: 'none', width: 1 })
  })

  it('that exceeds the memory limit fails, and the next file is read', async () => {
    expect(await metadataOf('application/pdf', hostile.pdfBomb())).toEqual({
      status: 'failed',
      reason: 'Reading the file took more than 512 MiB of memory or crashed the reader.',
      tags: {},
    })
    expect(await metadataOf('image/png', PNG)).toMatchObject({ status: 'none', width: 1 })
  })

  it('that exceeds the time limit fails, and the next file is read', async () => {
    const shortTimeout = new SandboxedExtraction(400)
    const first = await metadataOf('image/png', PNG, shortTimeout.extract)
    expect(first).toMatchObject({ width: 1 })
    expect(await metadataOf('application/pdf', hostile.pdfBomb(), shortTimeout.extract)).toMatchObject({
      status: 'failed',
      reason: 'The file could not be read within 0.4 s.',
    })
    expect(await metadataOf('image/png', PNG, shortTimeout.extract)).toMatchObject({ width: 1 })
    await shortTimeout.close()
  })

  it('does not make other files fail', async () => {
    const all = await Promise.all([
      metadataOf('application/pdf', hostile.pdfBomb()),
      ...Array.from({ length: 5 }, () => metadataOf('image/png', PNG)),
    ])
    expect(all.map(({ status }) => status)).toEqual(['failed', 'none', 'none', 'none', 'none', 'none'])
  })
})

describe('Tags', () => {
  it('are cut at the size limit, with the status `partial`', async () => {
    const texts = Array.from({ length: 400 }, (_, n) => hostile.pngText(`key ${n}`, 'ü'.repeat(300)))
    const metadata = await metadataOf('image/png', hostile.pngWith(...texts))
    expect(metadata).toMatchObject({ status: 'partial', reason: 'The tags exceed 64 KiB or 8 levels.', width: 1 })
    const size = Buffer.byteLength(JSON.stringify(metadata.tags))
    expect(size).toBeLessThanOrEqual(MAX_TAGS_BYTES)
    expect(size).toBeGreaterThan(MAX_TAGS_BYTES * 0.9)
  })

  it('have names and values that every store accepts', async () => {
    const names = ['__proto__', 'constructor', '$where', 'a.b', 'x'.repeat(79), 'tab\tbell\u0007']
    const { tags } = await metadataOf(
      'image/png',
      hostile.pngWith(...names.map((name) => hostile.pngText(name, 'a\0\u0007b'))),
    )
    const text = JSON.stringify(tags)
    expect(text).not.toMatch(/\\u0000|\\u0007|"[^"]*[.$][^"]*":/)
    expect(text).not.toContain('__proto__')
    expect(Object.values(tags)).toEqual([expect.objectContaining({ _where: 'a b', a_b: 'a b' })])
  })

  it('of XMP expand no entities', async () => {
    const laughs = `<!DOCTYPE x [<!ENTITY a "${'ha'.repeat(50)}"><!ENTITY b "${'&a;'.repeat(50)}"><!ENTITY c "${'&b;'.repeat(50)}">]>`
    const xmp = `${laughs}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>&c;</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>`
    const metadata = await metadataOf('image/png', hostile.pngWith(hostile.pngXmp(Buffer.from(xmp))))
    expect(JSON.stringify(metadata)).not.toContain('haha')
  })
})
