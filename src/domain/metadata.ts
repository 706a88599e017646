/** A value that any document store takes: finite numbers, no arrays within arrays, no null. */
export type DocumentValue =
  | string
  | number
  | boolean
  | readonly (string | number | boolean)[]
  | { readonly [name: string]: DocumentValue }

/**
 * What a file says of itself. A format that has no such thing, or a file that doesn't say, leaves it out. All texts are
 * well-formed Unicode without control characters.
 */
export interface Metadata {
  /**
   * `ready`: read in full. `partial`: the rest was damaged or beyond the limits. `none`: the file was read and carries
   * no tags of its own; its format and size may be known all the same. `failed`: nothing could be read.
   */
  readonly status: 'ready' | 'partial' | 'none' | 'failed'
  /** Why it is `partial` or `failed`, for people: one line without anything from the file. */
  readonly reason?: string
  /** Lower case, such as `jpeg`, `heic`, `pdf`, `mp3`, `mov`. */
  readonly format?: string
  /** Pixels as they are stored, before `orientation` is applied. */
  readonly width?: number
  readonly height?: number
  /** 1–8, as in EXIF (CIPA DC-008, tag 274). */
  readonly orientation?: number
  /** Such as `rgb`, `gray`, `cmyk`. */
  readonly colour?: string
  readonly durationSeconds?: number
  readonly pages?: number
  readonly camera?: { readonly make?: string; readonly model?: string; readonly lens?: string }
  readonly exposure?: {
    /** Seconds. */
    readonly time?: number
    readonly fNumber?: number
    readonly iso?: number
    /** Millimetres, as the lens has it. */
    readonly focalLength?: number
  }
  /** RFC 3339 where the file knows the offset from UTC, else the same without an offset: `2026-11-23T10:00:00`. */
  readonly takenAt?: string
  /** Where it was taken. Kept apart, so that nobody shows it by accident: `tags` has none of it. */
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude?: number }
  /** EXIF, IPTC, XMP and their kind as they were read: at most `MAX_TAGS_BYTES` of JSON, at most `MAX_TAGS_DEPTH` deep. */
  readonly tags: { readonly [name: string]: DocumentValue }
}

export const MAX_TAGS_BYTES = 64 * 1024
/** `tags` itself is the first level. */
export const MAX_TAGS_DEPTH = 8
