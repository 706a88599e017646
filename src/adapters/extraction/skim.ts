import { crc32 } from 'node:zlib'
import type { ByteSource } from './byte-source.ts'

/** A file of the same format that has all of the metadata and none of the picture. */
export interface Skimmed {
  readonly bytes: Buffer
  /** It ends early, or its parts don't fit together, or one of them is too large to be read. */
  readonly isDamaged: boolean
}

/** No profile, XMP packet or comment that is worth reading is larger. */
const MAX_PART = 2 * 1024 * 1024

/** The segments before the picture (ITU-T T.81 annex B); those that follow it are for its next frames. */
export async function skimJpeg(source: ByteSource): Promise<Skimmed> {
  const kept: Buffer[] = [Buffer.from([0xff, 0xd8])]
  for (let at = 2; ; ) {
    const head = await source.bytes(at, at + 4)
    const [mark, marker = 0] = head
    if (head.length < 4 || mark !== 0xff) return { bytes: Buffer.concat([...kept, END]), isDamaged: true }
    if (marker === 0xff) {
      at++
      continue
    }
    const length = head.readUInt16BE(2) + 2
    const segment = await source.bytes(at, at + length)
    if (segment.length < length) return { bytes: Buffer.concat([...kept, END]), isDamaged: true }
    kept.push(segment)
    if (marker === 0xda) return { bytes: Buffer.concat([...kept, END]), isDamaged: false }
    at += length
  }
}

const END = Buffer.from([0xff, 0xd9])
const PNG_SIGNATURE = 8
const PNG_PARTS = new Set(['IHDR', 'tEXt', 'iTXt', 'eXIf', 'tIME', 'pHYs'])

/** The chunks that say something (PNG specification, section 11), with nothing compressed among them. */
export async function skimPng(source: ByteSource): Promise<Skimmed> {
  const kept = [await source.bytes(0, PNG_SIGNATURE)]
  const skimmed = (isDamaged: boolean) => ({ bytes: Buffer.concat([...kept, pngEnd()]), isDamaged })
  let isDamaged = false
  for (let at = PNG_SIGNATURE; ; ) {
    // A picture in many small parts may lie between what it says at its beginning and at its end.
    if (!source.affords(at, at + 8 + MAX_PART)) return skimmed(true)
    const head = await source.bytes(at, at + 8)
    if (head.length < 8) return skimmed(true)
    const type = head.toString('latin1', 4)
    const length = head.readUInt32BE(0)
    if (type === 'IEND') return skimmed(isDamaged)
    if (PNG_PARTS.has(type)) {
      if (length > MAX_PART) isDamaged = true
      else kept.push(await source.bytes(at, at + 12 + length))
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

const RIFF_HEADER = 12
/** As much of the picture as has its size in it. */
const WEBP_PICTURE = 32

/** The chunks that say something; of the picture its beginning (https://developers.google.com/speed/webp/docs/riff_container). */
export async function skimWebp(source: ByteSource): Promise<Skimmed> {
  const kept = [await source.bytes(0, RIFF_HEADER)]
  let isDamaged = false
  for (let at = RIFF_HEADER; at < source.size; ) {
    const head = await source.bytes(at, at + 8)
    if (head.length < 8) break
    const type = head.toString('latin1', 0, 4)
    const length = head.readUInt32LE(4)
    if (at + 8 + length > source.size) isDamaged = true
    if (/^(VP8X|EXIF|XMP )$/.test(type)) {
      if (length > MAX_PART) isDamaged = true
      else kept.push(await source.bytes(at, at + 8 + length + (length % 2)))
    } else if (/^VP8[ L]$/.test(type)) {
      const part = Buffer.from(await source.bytes(at, at + 8 + WEBP_PICTURE))
      part.writeUInt32LE(part.length - 8, 4)
      kept.push(part)
    }
    at += 8 + length + (length % 2)
  }
  const bytes = Buffer.concat(kept)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  return { bytes, isDamaged }
}

/** The beginning, and all of it where it is not large: HEIF and TIFF may say anything anywhere. */
export async function skimWhole(source: ByteSource): Promise<Skimmed> {
  const MAX_WHOLE = 24 * 1024 * 1024
  return { bytes: await source.bytes(0, Math.min(source.size, MAX_WHOLE)), isDamaged: source.size > MAX_WHOLE }
}

/** The header with the size, and the first blocks after it. */
export async function skimBeginning(source: ByteSource): Promise<Skimmed> {
  return { bytes: await source.bytes(0, Math.min(source.size, 64 * 1024)), isDamaged: false }
}
