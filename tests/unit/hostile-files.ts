import { crc32, deflateSync } from 'node:zlib'
import { PNG } from '../samples.ts'

/** Small files that try to exhaust the memory or the time of their reader. */
export const CASES: readonly (readonly [name: string, type: string, file: () => Buffer])[] = [
  [
    'a profile of 512 MiB',
    'image/png',
    () => pngWith(chunk('iCCP', Buffer.concat([Buffer.from('x\0\0'), zeros(512)]))),
  ],
  ['a text of 512 MiB', 'image/png', () => pngWith(chunk('zTXt', Buffer.concat([Buffer.from('x\0\0'), zeros(512)])))],
  [
    'an XMP packet of 512 MiB',
    'image/png',
    () => pngWith(chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\x01\0\0\0'), zeros(512)]))),
  ],
  ['an XMP packet of 400 MiB of spaces', 'image/png', () => pngWith(pngXmp(Buffer.alloc(400 * MIB, ' ')))],
  [
    'an XMP packet of 400 MiB of spaces in a TIFF',
    'image/tiff',
    () => Buffer.concat([tiff(0, entry(700, 7, 400 * MIB, 26)), Buffer.alloc(400 * MIB, ' ')]),
  ],
  [
    'a box of size 0 in a file of 80 bytes',
    'image/heic',
    () => Buffer.concat([Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heicmif1\0\0\0\0meta'), Buffer.alloc(48)]),
  ],
  [
    'a film with a box of size 0',
    'video/mp4',
    () => Buffer.from(`\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\0moov${'\0'.repeat(4000)}`),
  ],
  ['a directory that links to itself', 'image/jpeg', () => jpeg(tiff(8, entry(0x0112, 3, 1, 6)))],
  [
    'a directory that contains itself',
    'image/jpeg',
    () => jpeg(tiff(8, entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8))),
  ],
  [
    '65,535 entries',
    'image/jpeg',
    () => jpeg(tiff(8, ...Array.from({ length: 5000 }, () => entry(0x010f, 2, 0xffffffff, 100)))),
  ],
  [
    '5,000 tags over one area of 60 KB',
    'image/tiff',
    () => tiff(0, ...Array.from({ length: 5000 }, (_, n) => entry(0x9000 + (n % 2000), 7, 60_000, 8))),
  ],
  [
    'offsets past the end',
    'image/tiff',
    () => tiff(0, entry(0x010f, 2, 0xffffffff, 100), entry(0x8769, 4, 1, 0xfffffff0)),
  ],
  [
    '1,000 segments without an end marker',
    'image/jpeg',
    () => Buffer.concat([Buffer.from('ffd8', 'hex'), ...Array.from({ length: 1000 }, () => SEGMENT)]),
  ],
  [
    'arrays nested 500,000 deep',
    'application/pdf',
    () => Buffer.from(`%PDF-1.7\n1 0 obj${'['.repeat(500_000)}\ntrailer<</Root 1 0 R>>`),
  ],
  ['a PDF header without a document', 'application/pdf', () => Buffer.from(`%PDF-1.7\n${'x'.repeat(5000)}`)],
  [
    'a tag larger than its file',
    'audio/mpeg',
    () => Buffer.from(`ID3\x04\0\0\x7f\x7f\x7f\x7f${'\xff'.repeat(1e5)}`, 'latin1'),
  ],
  ['only the first 20 bytes of a PNG', 'image/png', () => PNG.subarray(0, 20)],
]

/** A PDF whose cross-reference stream has 1 GiB when it is decompressed. */
export function pdfBomb(): Buffer {
  const head = '%PDF-1.7\n'
  const stream = zeros(1024)
  const object = `1 0 obj\n<</Type/XRef/Size 100000000/W[1 4 2]/Index[0 100000000]/Root 2 0 R/Filter/FlateDecode/Length ${stream.length}>>\nstream\n`
  return Buffer.concat([
    Buffer.from(head + object),
    stream,
    Buffer.from(`\nendstream\nendobj\nstartxref\n${head.length}\n%%EOF`),
  ])
}

/** A PNG of one pixel with `chunks` after its header. */
export const pngWith = (...chunks: Buffer[]): Buffer =>
  Buffer.concat([PNG.subarray(0, 33), ...chunks, PNG.subarray(33)])

export const pngText = (name: string, text: string): Buffer =>
  chunk('iTXt', Buffer.concat([Buffer.from(name, 'latin1'), Buffer.alloc(5), Buffer.from(text)]))

export const pngXmp = (packet: Buffer): Buffer =>
  chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp'), Buffer.alloc(5), packet]))

const MIB = 1024 * 1024
const deflatedZeros = new Map<number, Buffer>()

/** `mib` MiB of zeros, deflated. */
function zeros(mib: number): Buffer {
  const bytes = deflatedZeros.get(mib) ?? deflateSync(Buffer.alloc(mib * MIB))
  deflatedZeros.set(mib, bytes)
  return bytes
}

export function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

const SEGMENT = Buffer.concat([Buffer.from('ffe1ffff', 'hex'), Buffer.alloc(65_533)])

/** A TIFF with one directory, at offset 8. */
function tiff(next: number, ...entries: Buffer[]): Buffer {
  const [count, link] = [Buffer.alloc(2), Buffer.alloc(4)]
  count.writeUInt16LE(entries.length)
  link.writeUInt32LE(next)
  return Buffer.concat([Buffer.from('49492a0008000000', 'hex'), count, ...entries, link])
}

function entry(tag: number, type: number, count: number, value: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16LE(tag)
  bytes.writeUInt16LE(type, 2)
  bytes.writeUInt32LE(count, 4)
  bytes.writeUInt32LE(value, 8)
  return bytes
}

function jpeg(exif: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('Exif\0\0'), exif])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Math.min(body.length + 2, 0xffff))
  return Buffer.concat([Buffer.from('ffd8ffe1', 'hex'), length, body, Buffer.from('ffd9', 'hex')])
}
