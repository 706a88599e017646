/**
 * Reads the size in pixels from the header of a GIF, BMP or WebP, or from the boxes of a HEIC or AVIF. Returns an empty
 * object for other formats, and if the size is missing.
 */
export function sizeInHeader(format: string, bytes: Buffer): { width?: number; height?: number } {
  if (format === 'heic' || format === 'avif') return largestExtent(bytes)
  if (format === 'gif' && bytes.length >= 10) return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
  if (format === 'webp') return webpSize(bytes)
  if (format === 'bmp' && bytes.length >= 26)
    return { width: Math.abs(bytes.readInt32LE(18)), height: Math.abs(bytes.readInt32LE(22)) }
  return {}
}

/**
 * HEIF has one `ispe` box for the picture, one for each of its tiles and one for its thumbnail (ISO/IEC 23008-12
 * section 6.5.3). The largest is the size of the picture.
 */
function largestExtent(bytes: Buffer): { width?: number; height?: number } {
  let largest = { width: 0, height: 0 }
  for (let at = bytes.indexOf('ispe'); at >= 0 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    const extent = { width: bytes.readUInt32BE(at + 8), height: bytes.readUInt32BE(at + 12) }
    if (bytes.readUInt32BE(at + 4) === 0 && extent.width * extent.height > largest.width * largest.height)
      largest = extent
  }
  return largest.width > 0 ? (cleanAperture(bytes) ?? largest) : {}
}

/** Returns the size of the clean aperture, if the picture has one (ISO/IEC 14496-12 section 12.1.4). */
function cleanAperture(bytes: Buffer): { width: number; height: number } | undefined {
  const at = bytes.indexOf('clap')
  if (at < 0 || at + 20 > bytes.length) return undefined
  const width = bytes.readUInt32BE(at + 4) / bytes.readUInt32BE(at + 8)
  const height = bytes.readUInt32BE(at + 12) / bytes.readUInt32BE(at + 16)
  return Number.isInteger(width) && Number.isInteger(height) ? { width, height } : undefined
}

/** Returns the size of the canvas, or of the picture if the file has no canvas (RFC 9649 sections 2.5 to 2.7). */
function webpSize(bytes: Buffer): { width?: number; height?: number } {
  if (bytes.length < 30) return {}
  const type = bytes.toString('latin1', 12, 16)
  if (type === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 }
  if (type === 'VP8 ') return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff }
  const bits = bytes.readUInt32LE(21)
  return type === 'VP8L' ? { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 } : {}
}
