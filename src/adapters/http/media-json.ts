import type { z } from 'zod'
import type { MediaId, Stored } from '../../domain/media.ts'
import type { Media } from './schemas.ts'

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

/** Changes with every change of the media (RFC 9110 section 8.8.3). */
export const entityTag = ({ attempt, version }: Stored): string => `"${attempt}-${version}"`
