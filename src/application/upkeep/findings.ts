import type { FileRef } from '../../domain/media/media.ts'
import type { ProjectionFinding } from './doctor-projections.ts'

export interface FileFinding extends FileRef {
  readonly problem:
    | 'file-missing'
    | 'file-of-another-size'
    /** The lease expired long ago, but the upload was not abandoned. Check that a worker runs. */
    | 'upload-stuck'
    /** The bytes of an abandoned or deleted row were not discarded. Check that a worker runs. */
    | 'never-discarded'
    /** The media item was stored long ago and has no metadata. Check that a worker runs. */
    | 'never-described'
    /** No row names the file, and it is older than any upload in progress. */
    | 'unknown-file'
    /** The row names a storage that is not configured here, so its file cannot be checked. */
    | 'unknown-storage'
  readonly detail: string
}

export type Finding = FileFinding | ProjectionFinding

export interface Examination {
  readonly findings: readonly Finding[]
  readonly rows: number
  readonly files: number
  readonly documents: number
  readonly titles: number
}

/** Identifies a finding among others, and in a later examination. */
export const placeOfFinding = (finding: Finding): string => ('storageKey' in finding ? finding.storageKey : finding.id)
