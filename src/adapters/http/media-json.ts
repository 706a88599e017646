import type { z } from 'zod'
import type { Pending } from '../../application/projections/read-metadata.ts'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import type { Metadata as Document } from '../../domain/metadata.ts'
import type { Media, Metadata } from './schemas.ts'

/** Absolute addresses, for answers. */
export interface Links {
  media(id: MediaId): string
  /** Of a `url` as a row has it: the storage's own, or a path below this server. */
  content(url: string): string
}

export function linksFrom(publicUrl: string): Links {
  const base = publicUrl.replace(/\/+$/, '')
  return {
    media: (id) => `${base}/media/${id}/`,
    content: (url) => (url.startsWith('/') ? base + url : url),
  }
}

/** A media as the API shows it. */
export const toJson = (media: Stored, links: Links): z.infer<typeof Media> => ({
  id: media.id,
  filename: media.filename,
  file_id: media.fileId,
  url: links.content(media.url),
  mime_type: media.mimeType,
  size_bytes: media.sizeBytes,
  created_at: media.createdAt.toISOString(),
  title: media.title,
  tags: media.tags,
  sha256: media.sha256,
  version: media.version,
})

/** @param showsLocation whether callers may see where it was taken. */
export function metadataToJson(document: Document | Pending, showsLocation: boolean): z.infer<typeof Metadata> {
  if (document.status === 'pending') return document
  const { durationSeconds, takenAt, exposure, location, ...same } = document
  return {
    ...same,
    duration_seconds: durationSeconds,
    taken_at: takenAt,
    exposure: exposure && {
      time: exposure.time,
      f_number: exposure.fNumber,
      iso: exposure.iso,
      focal_length: exposure.focalLength,
    },
    ...(showsLocation && { location }),
  }
}

/** Changes with every change of the media (RFC 9110 section 8.8.3). */
export const entityTag = ({ attempt, version }: Stored): string => `"${attempt}-${version}"`
