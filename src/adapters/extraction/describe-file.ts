import type { Metadata } from '../../domain/metadata.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import { type ByteSource, ReadBudgetError } from './byte-source.ts'
import { type Format, formatOf, NO_METADATA } from './formats.ts'
import { describePdf } from './pdf.ts'
import { describePicture } from './picture.ts'
import { describeRecording } from './recording.ts'
import { skimBeginning, skimJpeg, skimPng, skimWebp, skimWhole } from './skim.ts'

type ReadMetadata = (format: Format, source: ByteSource) => Promise<Metadata>

const pictureReader =
  (skim: Parameters<typeof describePicture>[2]): ReadMetadata =>
  (format, source) =>
    describePicture(format, source, skim)

const READERS: Readonly<Record<Format, ReadMetadata>> = {
  jpeg: pictureReader(skimJpeg),
  png: pictureReader(skimPng),
  webp: pictureReader(skimWebp),
  gif: pictureReader(skimBeginning),
  bmp: pictureReader(skimBeginning),
  avif: pictureReader(skimWhole),
  heic: pictureReader(skimWhole),
  tiff: pictureReader(skimWhole),
  pdf: (_, source) => describePdf(source),
  mp3: describeRecording,
  m4a: describeRecording,
  aac: describeRecording,
  flac: describeRecording,
  ogg: describeRecording,
  wav: describeRecording,
  mp4: describeRecording,
  m4v: describeRecording,
  mov: describeRecording,
  webm: describeRecording,
  mkv: describeRecording,
  '3gp': describeRecording,
}

/** Reads the metadata of a file. Never rejects: if the file cannot be read, the status is `failed`, with a reason. */
export async function describeFile(type: ContentType, source: ByteSource): Promise<Metadata> {
  const format = formatOf(type)
  if (!format) return NO_METADATA
  try {
    return await READERS[format](format, source)
  } catch (error) {
    const reason = error instanceof ReadBudgetError ? error.message : 'The file could not be parsed.'
    return { status: 'failed', reason, tags: {} }
  }
}
