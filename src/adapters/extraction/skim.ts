import { crc32 } from 'node:zlib'
import type { ByteSource } from './byte-source.ts'

/** A small file of the same format, with the metadata but without the picture data. */
export interface FileExcerpt {
  readonly bytes: Buffer
  /** Whether the original ends early, has inconsistent parts, or has a part that is too large to be read. */
  readonly isDamaged: boolean
}

/** Larger parts are left out. Useful profiles, XMP packets and comments are smaller. */
const MAX_PART_BYTES = 2 * 1024 * 1024

/** Keeps the segments before the first scan (ITU-T T.81 annex B). Later segments describe further scans or frames. */
export async function skimJpeg(source: ByteSource): Promise<FileExcerpt> {
  const parts: Buffer[] = [Buffer.from([0xff, 0xd8])]
  for (let at = 2; ; ) {
    const head = await source.bytes(at, at + 4)
    const [mark, marker = 0] = head
    if (head.length < 4 || mark !== 0xff) return { bytes: Buffer.concat([...parts, JPEG_END]), isDamaged: true }
    if (marker === 0xff) {
      at++
      continue
    }
    const length = head.readUInt16BE(2) + 2
    const segment = await source.bytes(at, at + length)
    if (segment.length < length) return { bytes: Buffer.concat([...parts, JPEG_END]), isDamaged: true }
    parts.push(segment)
    if (marker === 0xda) return { bytes: Buffer.concat([...parts, JPEG_END]), isDamaged: false }
    at += length
  }
}

const JPEG_END = Buffer.from([0xff, 0xd9])
const PNG_SIGNATURE_BYTES = 8
const PNG_CHUNKS = new Set(['IHDR', 'tEXt', 'iTXt', 'eXIf', 'tIME', 'pHYs'])

/** Keeps the chunks with metadata (PNG specification, section 11), but no compressed ones. */
export async function skimPng(source: ByteSource): Promise<FileExcerpt> {
  const parts = [await source.bytes(0, PNG_SIGNATURE_BYTES)]
  const result = (isDamaged: boolean) => ({ bytes: Buffer.concat([...parts, pngEnd()]), isDamaged })
  let isDamaged = false
  for (let at = PNG_SIGNATURE_BYTES; ; ) {
    // Metadata may follow the picture data. Stop before many small chunks of picture data use up the budget.
    if (!source.affords(at, at + 8 + MAX_PART_BYTES)) return result(true)
    const head = await source.bytes(at, at + 8)
    if (head.length < 8) return result(true)
    const type = head.toString('latin1', 4)
    const length = head.readUInt32BE(0)
    if (type === 'IEND') return result(isDamaged)
    if (PNG_CHUNKS.has(type)) {
      if (length > MAX_PART_BYTES) isDamaged = true
      else parts.push(await source.bytes(at, at + 12 + length))
    }
    at += 12 + length
  }
}

function pngEnd(): Buffer {
  const end = Buffer.alloc(12)
  end.write('IEND', 4, 'latin1')
  end.writeUInt32BE(crc32('IEND'), 8)
  return end
}

const RIFF_HEADER_BYTES = 12
/** The start of the picture data. It contains the size in pixels. */
const WEBP_PICTURE_BYTES = 32

/**
 * Keeps the chunks with metadata and the start of the picture data
 * (https://developers.google.com/speed/webp/docs/riff_container).
 */
export async function skimWebp(source: ByteSource): Promise<FileExcerpt> {
  const parts = [await source.bytes(0, RIFF_HEADER_BYTES)]
  let isDamaged = false
  for (let at = RIFF_HEADER_BYTES; at < source.size; ) {
    const head = await source.bytes(at, at + 8)
    if (head.length < 8) break
    const type = head.toString('latin1', 0, 4)
    const length = head.readUInt32LE(4)
    if (at + 8 + length > source.size) isDamaged = true
    if (/^(VP8X|EXIF|XMP )$/.test(type)) {
      if (length > MAX_PART_BYTES) isDamaged = true
      else parts.push(await source.bytes(at, at + 8 + length + (length % 2)))
    } else if (/^VP8[ L]$/.test(type)) {
      const part = Buffer.from(await source.bytes(at, at + 8 + WEBP_PICTURE_BYTES))
      part.writeUInt32LE(part.length - 8, 4)
      parts.push(part)
    }
    at += 8 + length + (length % 2)
  }
  const bytes = Buffer.concat(parts)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  return { bytes, isDamaged }
}

/** Keeps at most the first 24 MiB of the file. In HEIF and TIFF metadata may be at any position. */
export async function skimWhole(source: ByteSource): Promise<FileExcerpt> {
  const MAX_BYTES = 24 * 1024 * 1024
  return { bytes: await source.bytes(0, Math.min(source.size, MAX_BYTES)), isDamaged: source.size > MAX_BYTES }
}

/** Keeps the first 64 KiB, which contain the header with the size. */
export async function skimBeginning(source: ByteSource): Promise<FileExcerpt> {
  return { bytes: await source.bytes(0, Math.min(source.size, 64 * 1024)), isDamaged: false }
}
