import type { ColumnType, Generated } from 'kysely'
import type { Media } from '../../domain/media/media.ts'
import type { Metadata } from '../../domain/metadata.ts'

/** The tables as the newest migration leaves them. */
export interface Database {
  media_job: MediaJobTable
  media_metadata: MediaMetadataTable
  media_tag: MediaTagTable
  installation: InstallationTable
}

/** One row a media, from before its first byte on. What is null is not known in that state. */
export interface MediaJobTable {
  id: ColumnType<string, string, never>
  state: Media['state']
  owner: string
  /** The fence: who holds it decides over this row. */
  attempt: string
  /** The name of the storage that holds, or is given, the bytes under `storage_key`. */
  storage: string
  storage_key: string
  filename: string
  mime_type: string
  created_at: Generated<Date>
  lease_expires_at: Date | null
  discarded_at: Date | null
  file_id: string | null
  url: string | null
  /** `bigint`; drivers give it as a string or as a number. */
  size_bytes: ColumnType<string | number | bigint | null, number | null>
  sha256: string | null
  fingerprint: string | null
  title: string | null
  tags: string[]
  version: number
}

/** One row for each tag of each stored media item, in step with `media_job` by triggers. Only migrations write it. */
export interface MediaTagTable {
  owner: string
  tag: string
  created_at: Date
  id: string
}

/** One document a media, where there is no other store for them. It may outlive its row, and the other way round. */
export interface MediaMetadataTable {
  id: ColumnType<string, string, never>
  attempt: string
  /** `jsonb`. */
  document: ColumnType<Metadata, string, string>
}

/** One row: what sets this installation apart from others on the same services. */
export interface InstallationTable {
  id: string
  signing_key: string
}
