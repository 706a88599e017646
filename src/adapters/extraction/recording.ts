import { ALL_FORMATS, CustomSource, Input } from 'mediabunny'
import type { Metadata } from '../../domain/metadata.ts'
import { BudgetSpent, type ByteSource } from './byte-source.ts'
import { cleanTags, cleanText } from './clean-tags.ts'
import { CUT } from './picture.ts'

/** Sound or moving pictures, read from the boxes, pages or frames that say something. */
export async function describeRecording(format: string, source: ByteSource): Promise<Metadata> {
  using input = new Input({
    formats: ALL_FORMATS,
    source: new CustomSource({
      getSize: () => source.size,
      read: async (start, end) => source.bytes(start, end),
      handleUnhandledError: () => {},
    }),
  })
  if (!(await input.canRead()))
    return { status: 'failed', reason: 'it is not a recording that can be read', format, tags: {} }
  const { raw, images: _, date, ...named } = await input.getMetadataTags()
  const { tags, isCut } = cleanTags({ ...named, ...(date && { date }), raw: { ...raw } })
  // Where no header says how long it lasts, all of it would have to be read.
  const lasts = await duration(input).catch((error) => {
    if (error instanceof BudgetSpent) return error
    throw error
  })
  const known = {
    format,
    ...(await video(input)),
    ...(!(lasts instanceof BudgetSpent) && lasts),
    ...madeAt(raw),
    ...madeWhere(raw),
    tags,
  }
  if (lasts instanceof BudgetSpent) return { status: 'partial', reason: lasts.message, ...known }
  if (isCut) return { status: 'partial', reason: CUT, ...known }
  return { status: Object.keys(tags).length > 0 ? 'ready' : 'none', ...known }
}

async function duration(input: Input): Promise<Pick<Metadata, 'durationSeconds'>> {
  const seconds = (await input.getDurationFromMetadata()) ?? (await input.computeDuration())
  return Number.isFinite(seconds) && seconds > 0 ? { durationSeconds: Math.round(seconds * 1000) / 1000 } : {}
}

/** What EXIF calls a rotation clockwise, in degrees. */
const ORIENTATIONS: Record<number, number> = { 0: 1, 90: 6, 180: 3, 270: 8 }

async function video(input: Input): Promise<Pick<Metadata, 'width' | 'height' | 'orientation'>> {
  const track = await input.getPrimaryVideoTrack()
  if (!track) return {}
  const [width, height, rotation] = await Promise.all([
    track.getCodedWidth(),
    track.getCodedHeight(),
    track.getRotation(),
  ])
  const orientation = ORIENTATIONS[rotation]
  return { width, height, ...(orientation && { orientation }) }
}

type Raw = Readonly<Record<string, unknown>> | undefined

/** QuickTime's own date has an offset: `2026-11-23T10:00:00+0100`. */
function madeAt(raw: Raw): Pick<Metadata, 'takenAt'> {
  const text = cleanText(raw?.['com.apple.quicktime.creationdate']) ?? ''
  const [, local, hours, minutes] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([+-]\d\d):?(\d\d)$/.exec(text) ?? []
  return local ? { takenAt: `${local}${hours}:${minutes}` } : {}
}

/** ISO 6709 in its form for decimal degrees: `+48.8577+002.2950+035.000/`. */
function madeWhere(raw: Raw): Pick<Metadata, 'location'> {
  const text = cleanText(raw?.['com.apple.quicktime.location.ISO6709'] ?? raw?.['©xyz']) ?? ''
  const [, latitude, longitude, altitude] =
    /^([+-]\d{2}(?:\.\d+)?)([+-]\d{3}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?/.exec(text) ?? []
  if (!latitude || !longitude) return {}
  return {
    location: {
      latitude: Number(latitude),
      longitude: Number(longitude),
      ...(altitude && { altitude: Number(altitude) }),
    },
  }
}
