import { crc32, deflateSync } from 'node:zlib'
import { concat } from '../e2e/multipart.ts'
import { PNG } from '../samples.ts'

/** Small files that try to exhaust the memory or the time of their reader. */
export const CASES: readonly (readonly [name: string, type: string, file: () => Buffer])[] = [
  ['a profile of 512 MiB', 'image/png', () => pngWith(chunk('iCCP', 'x\0\0', zeros(512)))],
  ['a text of 512 MiB', 'image/png', () => pngWith(chunk('zTXt', 'x\0\0', zeros(512)))],
  ['an XMP packet of 512 MiB', 'image/png', () => pngWith(chunk('iTXt', 'XML:com.adobe.xmp\0\x01\0\0\0', zeros(512)))],
  ['an XMP packet of 400 MiB of spaces', 'image/png', () => pngWith(pngXmp(Buffer.alloc(400 * MIB, ' ')))],
  [
    'an XMP packet of 400 MiB of spaces in a TIFF',
    'image/tiff',
    () => concat(tiff(0, entry(700, 7, 400 * MIB, 26)), Buffer.alloc(400 * MIB, ' ')),
  ],
  [
    'a box of size 0 in a file of 80 bytes',
    'image/heic',
    () => concat('\0\0\0\x18ftypheic\0\0\0\0heicmif1\0\0\0\0meta', Buffer.alloc(48)),
  ],
  [
    'a film with a box of size 0',
    'video/mp4',
    () => concat('\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\0moov', Buffer.alloc(4000)),
  ],
  ['a directory that links to itself', 'image/jpeg', () => jpeg(tiff(8, entry(0x0112, 3, 1, 6)))],
  [
    'a directory that contains itself',
    'image/jpeg',
    () => jpeg(tiff(8, entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8))),
  ],
  ['65,535 entries', 'image/jpeg', () => jpeg(tiff(8, ...times(5000, () => entry(0x010f, 2, 0xffffffff, 100))))],
  [
    '5,000 tags over one area of 60 KB',
    'image/tiff',
    () => tiff(0, ...times(5000, (n) => entry(0x9000 + (n % 2000), 7, 60_000, 8))),
  ],
  [
    'offsets past the end',
    'image/tiff',
    () => tiff(0, entry(0x010f, 2, 0xffffffff, 100), entry(0x8769, 4, 1, 0xfffffff0)),
  ],
  ['1,000 segments without an end marker', 'image/jpeg', () => concat(hex('ffd8'), ...times(1000, () => SEGMENT))],
  [
    'arrays nested 500,000 deep',
    'application/pdf',
    () => concat(`%PDF-1.7\n1 0 obj${'['.repeat(500_000)}\ntrailer<</Root 1 0 R>>`),
  ],
  ['a PDF header without a document', 'application/pdf', () => concat(`%PDF-1.7\n${'x'.repeat(5000)}`)],
  ['a tag larger than its file', 'audio/mpeg', () => concat('ID3\x04\0\0\x7f\x7f\x7f\x7f', Buffer.alloc(1e5, 0xff))],
  ['only the first 20 bytes of a PNG', 'image/png', () => PNG.subarray(0, 20)],
]

/** A PDF whose cross-reference stream has 1 GiB when it is decompressed. */
export function pdfBomb(): Buffer {
  const head = '%PDF-1.7\n'
  const stream = zeros(1024)
  const object = `1 0 obj\n<</Type/XRef/Size 100000000/W[1 4 2]/Index[0 100000000]/Root 2 0 R/Filter/FlateDecode/Length ${stream.length}>>\nstream\n`
  return concat(head, object, stream, `\nendstream\nendobj\nstartxref\n${head.length}\n%%EOF`)
}

/** A PNG of one pixel with `chunks` after its header. */
export const pngWith = (...chunks: Buffer[]): Buffer => concat(PNG.subarray(0, 33), ...chunks, PNG.subarray(33))

export const pngText = (name: string, text: string | Buffer): Buffer => chunk('iTXt', name, Buffer.alloc(5), text)

export const pngXmp = (packet: Buffer): Buffer => pngText('XML:com.adobe.xmp', packet)

export function chunk(type: string, ...data: (string | Buffer)[]): Buffer {
  const body = concat(type, ...data)
  return concat(uint32(body.length - 4).toReversed(), body, uint32(crc32(body)).toReversed())
}

const MIB = 1024 * 1024
const deflatedZeros = new Map<number, Buffer>()

/** `mib` MiB of zeros, deflated. */
function zeros(mib: number): Buffer {
  const bytes = deflatedZeros.get(mib) ?? deflateSync(Buffer.alloc(mib * MIB))
  deflatedZeros.set(mib, bytes)
  return bytes
}

const times = <T>(count: number, create: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => create(n))
const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** Little-endian. */
const uint16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer)
const uint32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)

const SEGMENT = concat(hex('ffe1ffff'), Buffer.alloc(65_533))

/** A TIFF with one directory, at offset 8. */
const tiff = (next: number, ...entries: Buffer[]): Buffer =>
  concat(hex('49492a0008000000'), uint16(entries.length), ...entries, uint32(next))

const entry = (tag: number, type: number, count: number, value: number): Buffer =>
  concat(uint16(tag), uint16(type), uint32(count), uint32(value))

function jpeg(exif: Buffer): Buffer {
  const body = concat('Exif\0\0', exif)
  return concat(hex('ffd8ffe1'), uint16(Math.min(body.length + 2, 0xffff)).toReversed(), body, hex('ffd9'))
}
