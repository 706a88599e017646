import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errAsync, okAsync, ResultAsync } from 'neverthrow'
import { afterAll, describe, expect, it } from 'vitest'
import { extractInProcess } from '../../src/adapters/extraction/in-process.ts'
import type { ToParent } from '../../src/adapters/extraction/messages.ts'
import { startChild } from '../../src/adapters/extraction/sandbox.ts'
import { SandboxedExtraction } from '../../src/adapters/extraction/sandboxed-extraction.ts'
import type { ExtractMetadata } from '../../src/application/ports/extract-metadata.ts'
import { MAX_TAGS_BYTES, type Metadata } from '../../src/domain/metadata.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { GIF, noise, PDF, PNG } from '../samples.ts'
import * as hostile from './hostile-files.ts'

const sandboxed = new SandboxedExtraction()
afterAll(() => sandboxed.close())

const sample = (name: string) => readFile(join(import.meta.dirname, '../samples', name))

/** What is read of these bytes, and how many of them. */
async function describing(type: string, bytes: Buffer, extract: ExtractMetadata = sandboxed.extract) {
  let read = 0
  const described = await extract({
    contentType: type as ContentType,
    size: bytes.length,
    read: ({ start, end }) => {
      read += end - start + 1
      return okAsync(bytes.subarray(start, end + 1))
    },
  })
  return { metadata: described._unsafeUnwrap(), read }
}
const described = async (...given: Parameters<typeof describing>): Promise<Metadata> =>
  (await describing(...given)).metadata

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
  ['in a child', sandboxed.extract],
  ['in this process', extractInProcess],
])('%s', (_, extract) => {
  it.each([
    ['jpeg', 'image/jpeg', 'picture.jpg', 'rgb'],
    ['png', 'image/png', 'picture.png', 'palette'],
    ['webp', 'image/webp', 'picture.webp', undefined],
    ['avif', 'image/avif', 'picture.avif', undefined],
    ['heic', 'image/heic', 'picture.heic', undefined],
    ['tiff', 'image/tiff', 'picture.tiff', undefined],
  ])('a photograph in %s says all that its camera wrote', async (format, type, name, colour) => {
    const metadata = await described(type, await sample(name), extract)
    // What makes it takes no less.
    const size = format === 'heic' && { width: 96, height: 64 }
    expect(metadata).toMatchObject({ ...CAMERA, ...size, format, ...(colour && { colour }) })
    expect(metadata.tags).toMatchObject({ exif: { Make: 'Canon', ISOSpeedRatings: 100 }, xmp: { subject: 'iron' } })
  })

  it.each([
    ['gif', 'image/gif', 'picture.gif'],
    ['bmp', 'image/bmp', 'picture.bmp'],
  ])('a picture in %s says how large it is', async (format, type, name) => {
    const metadata = await described(type, await sample(name), extract)
    expect(metadata).toEqual({ status: 'none', format, width: 48, height: 32, tags: {} })
  })

  it.each([
    ['mp3', 'audio/mpeg', 1.152],
    ['m4a', 'audio/x-m4a', 1],
    ['flac', 'audio/flac', 1],
    ['ogg', 'audio/ogg', 1],
    ['wav', 'audio/wav', 1],
  ])('sound in %s says how long it is and who plays', async (format, type, durationSeconds) => {
    const metadata = await described(type, await sample(`sound.${format}`), extract)
    expect(metadata).toMatchObject({ status: 'ready', format, durationSeconds })
    expect(metadata.tags).toMatchObject({ title: 'Nocturne', artist: 'Chopin' })
  })

  it.each([
    ['mp4', 'video/mp4'],
    ['mov', 'video/quicktime'],
    ['webm', 'video/webm'],
  ])('a film in %s says how long and how large it is', async (format, type) => {
    const metadata = await described(type, await sample(`film.${format}`), extract)
    expect(metadata).toMatchObject({ status: 'ready', format, width: 64, height: 48, durationSeconds: 2 })
    expect(metadata.tags).toMatchObject({ artist: 'Chopin' })
  })

  it('a film knows when and where it was made', async () => {
    expect(await described('video/quicktime', await sample('film.mov'), extract)).toMatchObject({
      takenAt: '2026-11-23T10:00:00+01:00',
      location: { latitude: 48.8577, longitude: 2.295, altitude: 35 },
    })
  })

  it('a document says how many pages it has', async () => {
    expect(await described('application/pdf', PDF, extract)).toMatchObject({ format: 'pdf', pages: 1 })
  })

  it('a file of another kind is not even read', async () => {
    expect(await describing('application/zip', noise(1000), extract)).toEqual({
      metadata: { status: 'none', tags: {} },
      read: 0,
    })
  })

  it('a storage that fails says nothing about the file', async () => {
    const failure = { type: 'away' } as const
    const asked = extract({ contentType: 'image/png' as ContentType, size: 1000, read: () => errAsync(failure) })
    expect((await asked)._unsafeUnwrapErr()).toEqual(failure)
    expect(await described('image/gif', GIF, extract)).toMatchObject({ format: 'gif' })
  })
})

describe('where it was taken', () => {
  it.each([
    ['image/jpeg', 'picture.jpg'],
    ['image/png', 'picture.png'],
    ['image/heic', 'picture.heic'],
    ['video/quicktime', 'film.mov'],
  ])('is in no tag of a file in %s', async (type, name) => {
    const { tags } = await described(type, await sample(name))
    expect(JSON.stringify(tags)).not.toMatch(/48[.,:°]|2\.29|Paris|GPS|6709|latitude/i)
  })
})

describe('a large file', () => {
  it.each([
    ['image/jpeg', 'picture.jpg'],
    ['image/png', 'picture.png'],
  ])('in %s is read no further than it says something', async (type, name) => {
    const bytes = Buffer.concat([await sample(name), noise(8 * 1024 * 1024)])
    const { metadata, read } = await describing(type, bytes)
    expect(metadata).toMatchObject(CAMERA)
    expect(read).toBeLessThan(512 * 1024)
  })

  it('is described by its end where that has it', async () => {
    const film = await sample('film.mp4')
    const at = film.indexOf('moov') - 4
    const [before, moov] = [film.subarray(0, at), film.subarray(at)]
    const box = Buffer.from('00000000667265650000', 'hex').subarray(0, 8)
    box.writeUInt32BE(8 + 8 * 1024 * 1024)
    const { metadata, read } = await describing(
      'video/mp4',
      Buffer.concat([before, box, Buffer.alloc(8 * 1024 * 1024), moov]),
    )
    expect(metadata).toMatchObject({ durationSeconds: 2, width: 64 })
    expect(read).toBeLessThan(1024 * 1024)
  })
})

describe('a file that is read no further than 32 MiB', () => {
  it('in png keeps what it said before', async () => {
    const photograph = await sample('picture.png')
    const end = photograph.indexOf('IDAT') - 4
    const parts = Array.from({ length: 6000 }, () => hostile.chunk('IDAT', Buffer.alloc(8192)))
    const { metadata, read } = await describing('image/png', Buffer.concat([photograph.subarray(0, end), ...parts]))
    expect(metadata).toMatchObject({ status: 'partial', width: 48, camera: { make: 'Canon' } })
    expect(read).toBeLessThanOrEqual(32 * 1024 * 1024)
  })

  it('in aac says what it is', async () => {
    // ADTS, 44.1 kHz, stereo: frames of 8,184 bytes, and nothing that says how many there are.
    const frame = Buffer.concat([Buffer.from('fff15083ff00fc', 'hex'), Buffer.alloc(8177)])
    const { metadata } = await describing('audio/aac', Buffer.alloc(36 * 1024 * 1024, frame))
    expect(metadata).toMatchObject({ status: 'partial', format: 'aac' })
  })
})

describe('a reader', () => {
  it('that was ended while it had nothing to do is replaced', async () => {
    const reader = new SandboxedExtraction()
    expect(await described('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    const before = await children()
    for (const pid of before) process.kill(pid, 'SIGKILL')
    await expect.poll(children).toEqual([])
    expect(await described('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    await reader.close()
  })

  it('that ends just as a file comes is no fault of that file', async () => {
    const reader = new SandboxedExtraction()
    for (let n = 0; n < 5; n++) {
      expect(await described('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
      for (const pid of await children()) process.kill(pid, 'SIGKILL')
    }
    await reader.close()
  })

  it('gets the beginning of a file along with it, and asks for no more of a photograph', async () => {
    const photograph = await sample('picture.jpg')
    const { read } = await describing('image/jpeg', Buffer.concat([photograph, noise(1_000_000)]))
    expect(read).toBe(64 * 1024)
  })

  it('that waits for its file keeps no other from the next', async () => {
    const reader = new SandboxedExtraction(10_000, 2)
    const bytes = noise(100_000)
    const asked = Promise.withResolvers<void>()
    const late = Promise.withResolvers<void>()
    const slow = reader.extract({
      contentType: 'image/tiff' as ContentType,
      size: bytes.length,
      read: ({ start, end }) => {
        if (start > 0) asked.resolve()
        const answer = start > 0 ? late.promise : Promise.resolve()
        return ResultAsync.fromSafePromise(answer).map(() => bytes.subarray(start, end + 1))
      },
    })
    await asked.promise
    expect(await described('image/png', PNG, reader.extract)).toMatchObject({ width: 1 })
    late.resolve()
    expect((await slow)._unsafeUnwrap()).toMatchObject({ status: 'failed' })
    await reader.close()
  })

  it('starts only when no other is free', async () => {
    const before = await children()
    const reader = new SandboxedExtraction(10_000, 2)
    for (let n = 0; n < 2; n++) await described('image/png', PNG, reader.extract)
    expect(await children()).toHaveLength(before.length + 1)
    await reader.close()
  })

  it('takes no bytes of one file for those of the next', async () => {
    const child = await startChild()
    const described = new Promise((resolve) => {
      child.on('message', (message: ToParent) => {
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
    expect(await described).toMatchObject({ file: 2, metadata: { format: 'png', width: 1 } })
    child.kill('SIGKILL')
  })
})

/** The processes that read files for this one. */
const children = async (): Promise<number[]> =>
  new Promise((resolve) => {
    execFile('pgrep', ['-P', String(process.pid), '-f', 'extraction/child'], (_, found) =>
      resolve(found.split('\n').filter(Boolean).map(Number)),
    )
  })

describe('a hostile file', () => {
  it.each(hostile.CASES)('%s is answered, and the next one described', async (_, type, file) => {
    const metadata = await described(type, file())
    expect(['failed', 'partial', 'none', 'ready']).toContain(metadata.status)
    expect(Buffer.byteLength(JSON.stringify(metadata.tags))).toBeLessThanOrEqual(MAX_TAGS_BYTES)
    expect(await described('image/png', PNG)).toMatchObject({ status: 'none', width: 1 })
  })

  it('that takes more memory than there is for it ends its child, and the next one is described', async () => {
    expect(await described('application/pdf', hostile.hungry())).toEqual({
      status: 'failed',
      reason: 'it took more than 512 MiB to read, or made its reader crash',
      tags: {},
    })
    expect(await described('image/png', PNG)).toMatchObject({ status: 'none', width: 1 })
  })

  it('that takes more time than there is for it, too', async () => {
    const impatient = new SandboxedExtraction(400)
    const patient = await described('image/png', PNG, impatient.extract)
    expect(patient).toMatchObject({ width: 1 })
    expect(await described('application/pdf', hostile.hungry(), impatient.extract)).toMatchObject({
      status: 'failed',
      reason: 'it took longer than 0.4 s to read',
    })
    expect(await described('image/png', PNG, impatient.extract)).toMatchObject({ width: 1 })
    await impatient.close()
  })

  it('does not keep others from their turn', async () => {
    const all = await Promise.all([
      described('application/pdf', hostile.hungry()),
      ...Array.from({ length: 5 }, () => described('image/png', PNG)),
    ])
    expect(all.map(({ status }) => status)).toEqual(['failed', 'none', 'none', 'none', 'none', 'none'])
  })
})

describe('tags', () => {
  it('are cut where there are too many, and it is said', async () => {
    const texts = Array.from({ length: 400 }, (_, n) => hostile.pngText(`key ${n}`, 'ü'.repeat(300)))
    const metadata = await described('image/png', hostile.pngWith(...texts))
    expect(metadata).toMatchObject({ status: 'partial', reason: 'it has more tags than are kept', width: 1 })
    const size = Buffer.byteLength(JSON.stringify(metadata.tags))
    expect(size).toBeLessThanOrEqual(MAX_TAGS_BYTES)
    expect(size).toBeGreaterThan(MAX_TAGS_BYTES * 0.9)
  })

  it('have names and texts that every store takes', async () => {
    const names = ['__proto__', 'constructor', '$where', 'a.b', 'x'.repeat(79), 'tab\tbell\u0007']
    const { tags } = await described(
      'image/png',
      hostile.pngWith(...names.map((name) => hostile.pngText(name, 'a\0\u0007b'))),
    )
    const text = JSON.stringify(tags)
    expect(text).not.toMatch(/\\u0000|\\u0007|"[^"]*[.$][^"]*":/)
    expect(text).not.toContain('__proto__')
    expect(Object.values(tags)).toEqual([expect.objectContaining({ _where: 'a b', a_b: 'a b' })])
  })

  it('of XMP are not expanded', async () => {
    const laughs = `<!DOCTYPE x [<!ENTITY a "${'ha'.repeat(50)}"><!ENTITY b "${'&a;'.repeat(50)}"><!ENTITY c "${'&b;'.repeat(50)}">]>`
    const xmp = `${laughs}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:format>&c;</dc:format></rdf:Description></rdf:RDF></x:xmpmeta>`
    const metadata = await described('image/png', hostile.pngWith(hostile.pngXmp(Buffer.from(xmp))))
    expect(JSON.stringify(metadata)).not.toContain('haha')
  })
})
