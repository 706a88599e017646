import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'

/** A document in MongoDB. Other programs may read it, so its fields have the names that the HTTP API uses. */
export interface MediaMetadata extends Omit<Metadata, 'durationSeconds' | 'takenAt' | 'exposure'> {
  readonly _id: MediaId
  readonly attempt: Attempt
  readonly duration_seconds?: number
  readonly taken_at?: string
  readonly exposure?: {
    readonly time?: number
    readonly f_number?: number
    readonly iso?: number
    readonly focal_length?: number
  }
}

export function toDocument(attempt: Attempt, metadata: Metadata): Omit<MediaMetadata, '_id'> {
  const { durationSeconds, takenAt, exposure, ...same } = metadata
  const { fNumber, focalLength, ...sameExposure } = exposure ?? {}
  return {
    attempt,
    ...same,
    ...(durationSeconds !== undefined && { duration_seconds: durationSeconds }),
    ...(takenAt !== undefined && { taken_at: takenAt }),
    ...(exposure && {
      exposure: {
        ...sameExposure,
        ...(fNumber !== undefined && { f_number: fNumber }),
        ...(focalLength !== undefined && { focal_length: focalLength }),
      },
    }),
  }
}

export function toMetadata(document: MediaMetadata): Metadata {
  const { _id, attempt: _, duration_seconds, taken_at, exposure, ...same } = document
  const { f_number, focal_length, ...sameExposure } = exposure ?? {}
  return {
    ...same,
    ...(duration_seconds !== undefined && { durationSeconds: duration_seconds }),
    ...(taken_at !== undefined && { takenAt: taken_at }),
    ...(exposure && {
      exposure: {
        ...sameExposure,
        ...(f_number !== undefined && { fNumber: f_number }),
        ...(focal_length !== undefined && { focalLength: focal_length }),
      },
    }),
  }
}
