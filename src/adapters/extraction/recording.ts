import { ALL_FORMATS, CustomSource, Input } from 'mediabunny'
import type { Metadata } from '../../domain/metadata.ts'
import { type ByteSource, ReadBudgetError } from './byte-source.ts'
import { cleanTags, cleanText, TRUNCATED_REASON } from './clean-tags.ts'

/** Reads the metadata of audio and video. Mediabunny requests only the boxes, pages or frames that it needs. */
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
    return { status: 'failed', reason: 'The audio or video could not be read.', format, tags: {} }
  const { raw, images: _, date, ...rest } = await input.getMetadataTags()
  const { tags, isTruncated } = cleanTags({ ...rest, ...(date && { date }), raw: { ...raw } })
  // If no header has the duration, Mediabunny reads the whole file, which may exceed the budget.
  const duration = await readDuration(input).catch((error) => {
    if (error instanceof ReadBudgetError) return error
    throw error
  })
  const fields = {
    format,
    ...(await readVideo(input)),
    ...(!(duration instanceof ReadBudgetError) && duration),
    ...takenAt(raw),
    ...locationOf(raw),
    tags,
  }
  if (duration instanceof ReadBudgetError) return { status: 'partial', reason: duration.message, ...fields }
  if (isTruncated) return { status: 'partial', reason: TRUNCATED_REASON, ...fields }
  return { status: Object.keys(tags).length > 0 ? 'ready' : 'none', ...fields }
}

async function readDuration(input: Input): Promise<Pick<Metadata, 'durationSeconds'>> {
  const seconds = (await input.getDurationFromMetadata()) ?? (await input.computeDuration())
  return Number.isFinite(seconds) && seconds > 0 ? { durationSeconds: Math.round(seconds * 1000) / 1000 } : {}
}

/** The EXIF orientation (CIPA DC-008, tag 274) of each clockwise rotation in degrees. */
const ORIENTATIONS: Record<number, number> = { 0: 1, 90: 6, 180: 3, 270: 8 }

async function readVideo(input: Input): Promise<Pick<Metadata, 'width' | 'height' | 'orientation'>> {
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

type RawTags = Readonly<Record<string, unknown>> | undefined

/** Reads the creation date of QuickTime, which has an offset from UTC: `2026-11-23T10:00:00+0100`. */
function takenAt(raw: RawTags): Pick<Metadata, 'takenAt'> {
  const text = cleanText(raw?.['com.apple.quicktime.creationdate']) ?? ''
  const [, local, hours, minutes] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)([+-]\d\d):?(\d\d)$/.exec(text) ?? []
  return local ? { takenAt: `${local}${hours}:${minutes}` } : {}
}

/** Reads coordinates in the decimal form of ISO 6709: `+48.8577+002.2950+035.000/`. */
function locationOf(raw: RawTags): Pick<Metadata, 'location'> {
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
