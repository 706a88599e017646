import type { ContentType } from '../../domain/content-type.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { BudgetSpent, type ByteSource } from './byte-source.ts'
import { describePdf } from './pdf.ts'
import { describePicture } from './picture.ts'
import { describeRecording } from './recording.ts'
import { skimBeginning, skimJpeg, skimPng, skimWebp, skimWhole } from './skim.ts'

type Describe = (source: ByteSource) => Promise<Metadata>

const picture =
  (format: string, skim: Parameters<typeof describePicture>[2]): Describe =>
  (source) =>
    describePicture(format, source, skim)
const recording =
  (format: string): Describe =>
  (source) =>
    describeRecording(format, source)

/** Every type that says something of itself, and who can read it. */
const READERS: Readonly<Record<string, Describe>> = {
  'image/jpeg': picture('jpeg', skimJpeg),
  'image/png': picture('png', skimPng),
  'image/apng': picture('png', skimPng),
  'image/webp': picture('webp', skimWebp),
  'image/gif': picture('gif', skimBeginning),
  'image/bmp': picture('bmp', skimBeginning),
  'image/avif': picture('avif', skimWhole),
  'image/heic': picture('heic', skimWhole),
  'image/heif': picture('heic', skimWhole),
  'image/tiff': picture('tiff', skimWhole),
  'application/pdf': describePdf,
  'audio/mpeg': recording('mp3'),
  'audio/mp4': recording('m4a'),
  'audio/x-m4a': recording('m4a'),
  'audio/aac': recording('aac'),
  'audio/flac': recording('flac'),
  'audio/ogg': recording('ogg'),
  'audio/wav': recording('wav'),
  'video/mp4': recording('mp4'),
  'video/x-m4v': recording('m4v'),
  'video/quicktime': recording('mov'),
  'video/webm': recording('webm'),
  'video/matroska': recording('mkv'),
  'video/3gpp': recording('3gp'),
}

/** What the file says of itself; what can't be read of it, for whatever reason, is told in the document. */
export async function describeFile(type: ContentType, source: ByteSource): Promise<Metadata> {
  const describe = READERS[type]
  if (!describe) return { status: 'none', tags: {} }
  try {
    return await describe(source)
  } catch (error) {
    const reason = error instanceof BudgetSpent ? error.message : 'it could not be understood'
    return { status: 'failed', reason, tags: {} }
  }
}
