import type { ColumnType, Generated } from 'kysely'
import type { Media } from '../../domain/media/media.ts'
import type { Metadata } from '../../domain/metadata.ts'

/** The tables, as the newest migration leaves them. */
export interface Database {
  media_job: MediaJobTable
  media_metadata: MediaMetadataTable
  media_tag: MediaTagTable
  installation: InstallationTable
}

/**
 * One row per media item. It is added before the first byte is stored. A column is null if its state has no such value.
 */
export interface MediaJobTable {
  id: ColumnType<string, string, never>
  state: Media['state']
  owner: string
  /** The fencing token. Only the attempt that is written here may commit or abandon the upload. */
  attempt: string
  /** The name of the storage that has, or receives, the bytes at `storage_key`. */
  storage: string
  storage_key: string
  filename: string
  mime_type: string
  created_at: Generated<Date>
  lease_expires_at: Date | null
  discarded_at: Date | null
  file_id: string | null
  url: string | null
  /** `bigint`. Drivers return it as a string or as a number. */
  size_bytes: ColumnType<string | number | bigint | null, number | null>
  sha256: string | null
  fingerprint: string | null
  title: string | null
  tags: string[]
  version: number
}

/**
 * One row for each tag of each stored media item. Triggers on `media_job` maintain it. Nothing else may write to it.
 */
export interface MediaTagTable {
  owner: string
  tag: string
  created_at: Date
  id: string
}

/**
 * One metadata document per media item, unless another metadata store is configured. A document may exist without its
 * row in `media_job`, and a row without its document.
 */
export interface MediaMetadataTable {
  id: ColumnType<string, string, never>
  attempt: string
  /** `jsonb`. */
  document: ColumnType<Metadata, string, string>
}

/** One row. It distinguishes this installation from others that use the same services. */
export interface InstallationTable {
  id: string
  signing_key: string
}
