/** A value that every document store accepts: finite numbers, no nested arrays, no null. */
export type DocumentValue =
  | string
  | number
  | boolean
  | readonly (string | number | boolean)[]
  | { readonly [name: string]: DocumentValue }

/**
 * The technical metadata of a file. A field is absent if the format or the file does not contain it. All strings are
 * well-formed Unicode without control characters.
 */
export interface Metadata {
  /**
   * `ready`: all metadata was read. `partial`: some of it was damaged or exceeded the limits. `none`: the file has no
   * tags, but its format and dimensions may be known. `failed`: nothing could be read.
   */
  readonly status: 'ready' | 'partial' | 'none' | 'failed'
  /** Why the status is `partial` or `failed`: one line for people, without text from the file. */
  readonly reason?: string
  /** In lower case, such as `jpeg`, `heic`, `pdf`, `mp3` or `mov`. */
  readonly format?: string
  /** In pixels, before `orientation` is applied. */
  readonly width?: number
  /** In pixels, before `orientation` is applied. */
  readonly height?: number
  /** 1 to 8, as in EXIF (CIPA DC-008, tag 274). */
  readonly orientation?: number
  /** The colour space, such as `rgb`, `gray` or `cmyk`. */
  readonly colour?: string
  readonly durationSeconds?: number
  readonly pages?: number
  readonly camera?: { readonly make?: string; readonly model?: string; readonly lens?: string }
  readonly exposure?: {
    /** In seconds. */
    readonly time?: number
    readonly fNumber?: number
    readonly iso?: number
    /** In millimetres, not converted to 35 mm film. */
    readonly focalLength?: number
  }
  /** RFC 3339 if the file contains the offset from UTC. Else without the offset: `2026-11-23T10:00:00`. */
  readonly takenAt?: string
  /**
   * Where the picture was taken, in degrees and metres. `tags` never contains it, so that it is not shown by accident.
   */
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude?: number }
  /** EXIF, IPTC, XMP and similar tags: at most `MAX_TAGS_BYTES` bytes of JSON, at most `MAX_TAGS_DEPTH` levels deep. */
  readonly tags: { readonly [name: string]: DocumentValue }
}

export const MAX_TAGS_BYTES = 64 * 1024
/** In levels. `tags` itself is the first one. */
export const MAX_TAGS_DEPTH = 8
