import exifReader from 'exifreader'
import type { Metadata } from '../../domain/metadata.ts'
import type { ByteSource } from './byte-source.ts'
import { cleanTags, cleanText, TRUNCATED_REASON } from './clean-tags.ts'
import { numberOf, type TagGroup, textOf, unwrapTags } from './exif-values.ts'
import { sizeInHeader } from './picture-size.ts'
import type { FileExcerpt } from './skim.ts'

// oxlint-disable-next-line import/no-named-as-default-member -- a UMD module: Node.js provides only its default export
const { load } = exifReader

/** The groups of tags that are stored in the file. ExifReader computes the other groups. */
const GROUP_NAMES = ['exif', 'iptc', 'xmp', 'pngText', 'jfif'] as const

/**
 * Reads the metadata of a picture with ExifReader. For some formats ExifReader does not return the size in pixels; then
 * `sizeInHeader` reads it.
 *
 * @param skim Returns the parts of the file that contain metadata.
 */
export async function describePicture(
  format: string,
  source: ByteSource,
  skim: (source: ByteSource) => Promise<FileExcerpt>,
): Promise<Metadata> {
  const { bytes, isDamaged } = await skim(source)
  const size = sizeInHeader(format, bytes)
  let groups: Record<string, TagGroup>
  try {
    groups = { ...load(bytes, { expanded: true, computed: true, includeUnknown: false }) } as Record<string, TagGroup>
  } catch {
    // ExifReader throws both for a file without metadata and for a file that it cannot parse.
    if (size.width === undefined) return { status: 'failed', reason: UNREADABLE_REASON, format, tags: {} }
    return isDamaged
      ? { status: 'partial', reason: DAMAGED_REASON, format, ...size, tags: {} }
      : { status: 'none', format, ...size, tags: {} }
  }
  const exif = groups['exif'] ?? {}
  const { tags, isTruncated } = cleanTags(
    Object.fromEntries(GROUP_NAMES.flatMap((name) => (groups[name] ? [[name, unwrapTags(groups[name])]] : []))),
  )
  const fields = {
    format,
    ...pictureFields(groups, size),
    ...camera(exif, groups['xmp'] ?? {}),
    ...exposure(exif),
    ...takenAt(exif),
    ...location(groups['gps']),
    tags,
  }
  if (fields.width === undefined && Object.keys(tags).length === 0)
    return { status: 'failed', reason: UNREADABLE_REASON, format, tags }
  if (isDamaged || isTruncated)
    return { status: 'partial', reason: isDamaged ? DAMAGED_REASON : TRUNCATED_REASON, ...fields }
  return { status: Object.keys(tags).some((group) => group !== 'jfif') ? 'ready' : 'none', ...fields }
}

const UNREADABLE_REASON = 'The picture could not be read.'
const DAMAGED_REASON = 'Part of the file is damaged, missing or too large.'

const COLOURS: Record<string, string> = { 1: 'gray', 3: 'rgb', 4: 'cmyk' }
const PNG_COLOURS: Record<string, string> = { 0: 'gray', 2: 'rgb', 3: 'palette', 4: 'gray', 6: 'rgb' }

function pictureFields(groups: Record<string, TagGroup>, size: { width?: number; height?: number }) {
  const { file = {}, pngFile, riff, gif, exif = {} } = groups
  const header = pngFile ?? riff ?? gif ?? file
  const width = positiveInteger(size.width ?? numberOf(header['Image Width']) ?? numberOf(exif['ImageWidth']))
  const height = positiveInteger(size.height ?? numberOf(header['Image Height']) ?? numberOf(exif['ImageLength']))
  const orientation = numberOf(exif['Orientation'])
  const colour =
    COLOURS[numberOf(file['Color Components']) ?? ''] ?? PNG_COLOURS[numberOf(pngFile?.['Color Type']) ?? '']
  return {
    ...(width && height && { width, height }),
    ...(orientation && orientation >= 1 && orientation <= 8 && { orientation }),
    ...(colour && { colour }),
  }
}

const positiveInteger = (value: number | undefined): number | undefined =>
  value !== undefined && Number.isInteger(value) && value > 0 ? value : undefined

function camera(exif: TagGroup, xmp: TagGroup): Pick<Metadata, 'camera'> {
  const make = textOf(exif['Make'])
  const model = textOf(exif['Model'])
  const lens = textOf(exif['LensModel']) ?? textOf(xmp['Lens'])
  return (make ?? model ?? lens)
    ? { camera: { ...(make && { make }), ...(model && { model }), ...(lens && { lens }) } }
    : {}
}

function exposure(exif: TagGroup): Pick<Metadata, 'exposure'> {
  const time = positiveNumber(exif['ExposureTime'])
  const fNumber = positiveNumber(exif['FNumber'])
  const iso = positiveNumber(exif['ISOSpeedRatings']) ?? positiveNumber(exif['PhotographicSensitivity'])
  const focalLength = positiveNumber(exif['FocalLength'])
  const fields = {
    ...(time && { time }),
    ...(fNumber && { fNumber }),
    ...(iso && { iso }),
    ...(focalLength && { focalLength }),
  }
  return Object.keys(fields).length > 0 ? { exposure: fields } : {}
}

const positiveNumber = (tag: TagGroup[string]): number | undefined => {
  const value = numberOf(tag)
  return value !== undefined && value > 0 ? value : undefined
}

/**
 * Accepts `2026:11:23 10:00:00`, also with hyphens or `T`. The offset from UTC is a separate tag, which only some
 * cameras write (EXIF 2.31).
 */
function takenAt(exif: TagGroup): Pick<Metadata, 'takenAt'> {
  const date = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d:\d\d:\d\d)/.exec(textOf(exif['DateTimeOriginal']) ?? '')
  if (!date) return {}
  const [, year, month, day, time] = date
  const local = `${year}-${month}-${day}T${time}`
  if (Number.isNaN(Date.parse(`${local}Z`))) return {}
  const offset = cleanText(textOf(exif['OffsetTimeOriginal']))
  return { takenAt: local + (/^(Z|[+-]\d\d:\d\d)$/.test(offset ?? '') ? offset : '') }
}

function location(gps: TagGroup | undefined): Pick<Metadata, 'location'> {
  const { Latitude: latitude, Longitude: longitude, Altitude: altitude } = gps ?? {}
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return {}
  return { location: { latitude, longitude, ...(isWithin(altitude, 1e6) && { altitude }) } }
}

const isWithin = (value: unknown, limit: number): value is number =>
  typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= limit
