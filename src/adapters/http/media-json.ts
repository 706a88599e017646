import type { z } from 'zod'
import type { Pending } from '../../application/projections/read-metadata.ts'
import type { MediaId } from '../../domain/media/ids.ts'
import type { Stored } from '../../domain/media/media.ts'
import type { Metadata as Document } from '../../domain/metadata.ts'
import type { Media, Metadata } from './schemas.ts'

/** Makes absolute URLs of resources. */
export interface Links {
  media(id: MediaId): string
  content(id: MediaId): string
}

export function linksTo(publicUrl: string): Links {
  const base = publicUrl.replace(/\/+$/, '')
  return {
    media: (id) => `${base}/media/${id}/`,
    content: (id) => `${base}/media/${id}/content/`,
  }
}

/** Returns a media item in the format of the API. */
export const toJson = (media: Stored, links: Links): z.infer<typeof Media> => ({
  id: media.id,
  filename: media.filename,
  file_id: media.fileId,
  url: media.url ?? links.content(media.id),
  mime_type: media.mimeType,
  size_bytes: media.sizeBytes,
  created_at: media.createdAt.toISOString(),
  title: media.title,
  tags: media.tags,
  sha256: media.sha256,
  version: media.version,
})

/**
 * Returns metadata in the format of the API.
 *
 * @param showsLocation Whether to include the place where a picture was taken.
 */
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

/** The strong ETag of a media item (RFC 9110 section 8.8.3). It differs for each version of each attempt. */
export const entityTag = ({ attempt, version }: Stored): string => `"${attempt}-${version}"`
