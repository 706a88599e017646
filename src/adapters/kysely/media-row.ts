import type { Selectable, Updateable } from 'kysely'
import type { Attempt, MediaId, StorageKey } from '../../domain/media/ids.ts'
import type { Intent, Media, Stored } from '../../domain/media/media.ts'
import type { ContentType } from '../../domain/values/content-type.ts'
import type { Sha256 } from '../../domain/values/digest.ts'
import type { FileName } from '../../domain/values/file-name.ts'
import type { Tag } from '../../domain/values/tag.ts'
import type { Title } from '../../domain/values/title.ts'
import type { MediaJobTable } from './database.ts'

export type Row = Selectable<MediaJobTable>

/** The table's check constraints guarantee that the columns of the row's state are not null. */
type FullRow = { [Column in keyof Row]: NonNullable<Row[Column]> }

export function toMedia(row: Row): Media {
  const { state, version } = row
  switch (state) {
    case 'receiving':
      return { ...toIntent(row), state, leaseExpiresAt: (row as FullRow).lease_expires_at }
    case 'stored':
      return toStored(row)
    case 'abandoned':
    case 'deleted':
      return { ...toIntent(row), state, version, discardedAt: row.discarded_at ?? undefined }
  }
}

export function toStored(row: Row): Stored {
  const full = row as FullRow
  return {
    ...toIntent(row),
    state: 'stored',
    fileId: full.file_id,
    url: storageUrl(full.url),
    sizeBytes: Number(full.size_bytes),
    sha256: full.sha256 as Sha256,
    fingerprint: full.fingerprint as Sha256,
    title: full.title as Title,
    tags: full.tags as Tag[],
    version: full.version,
  }
}

const toIntent = (row: Row): Intent & { createdAt: Date } => ({
  id: row.id as MediaId,
  owner: row.owner,
  attempt: row.attempt as Attempt,
  storage: row.storage,
  storageKey: row.storage_key as StorageKey,
  filename: row.filename as FileName,
  mimeType: row.mime_type as ContentType,
  createdAt: row.created_at,
})

/** All columns but `id` and `owner`, which never change. Clears the columns that the state does not have. */
export function toRow(media: Media): Updateable<MediaJobTable> {
  const {
    state,
    attempt,
    storage,
    storageKey: storage_key,
    filename,
    mimeType: mime_type,
    createdAt: created_at,
  } = media
  const row = { ...EMPTY_COLUMNS, state, attempt, storage, storage_key, filename, mime_type, created_at }
  if (media.state === 'receiving') return { ...row, lease_expires_at: media.leaseExpiresAt }
  const { version } = media
  if (media.state !== 'stored') return { ...row, version, discarded_at: media.discardedAt ?? null }
  const { fileId: file_id, url, sizeBytes: size_bytes, sha256, fingerprint, title } = media
  return { ...row, file_id, url: url ?? NO_URL, size_bytes, sha256, fingerprint, title, tags: [...media.tags], version }
}

/**
 * A stored row must have a `url`, so an empty one means none. The previous version wrote the path at which mediaport
 * serves the file.
 */
const NO_URL = ''
const storageUrl = (url: string): string | undefined => (url === NO_URL || url.startsWith('/') ? undefined : url)

const EMPTY_COLUMNS = {
  lease_expires_at: null,
  discarded_at: null,
  file_id: null,
  url: null,
  size_bytes: null,
  sha256: null,
  fingerprint: null,
  title: null,
  tags: [],
  version: 0,
} satisfies Updateable<MediaJobTable>
