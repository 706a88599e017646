import type { Metadata } from '../../domain/metadata.ts'
import type { ContentType } from '../../domain/values/content-type.ts'

/** The content types whose metadata can be read, and the format of each. */
const FORMATS = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/apng': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/bmp': 'bmp',
  'image/avif': 'avif',
  'image/heic': 'heic',
  'image/heif': 'heic',
  'image/tiff': 'tiff',
  'application/pdf': 'pdf',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/x-m4a': 'm4a',
  'audio/aac': 'aac',
  'audio/flac': 'flac',
  'audio/ogg': 'ogg',
  'audio/wav': 'wav',
  'video/mp4': 'mp4',
  'video/x-m4v': 'm4v',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
  'video/matroska': 'mkv',
  'video/3gpp': '3gp',
} as const

export type Format = (typeof FORMATS)[keyof typeof FORMATS]

/** Returns the format of a content type, or `undefined` if its metadata cannot be read. */
export const formatOf = (type: ContentType): Format | undefined => (FORMATS as Partial<Record<string, Format>>)[type]

/** The metadata of a file whose content type is not in `FORMATS`. */
export const NO_METADATA: Metadata = { status: 'none', tags: {} }
