import { err, ok, type Result } from 'neverthrow'
import { extension, type FileName } from './file-name.ts'

/** The media type of a file (RFC 6838), recognised by its bytes. It is never the type that a client declared. */
export type ContentType = string & { readonly __brand: 'ContentType' }

export interface UnsupportedFileType {
  readonly type: 'unsupported-file-type'
  /** The media type that was recognised, if any. */
  readonly found: string | undefined
}

/** The file name has an extension of active content (a page, a script, a program) that does not fit the media type. */
export interface ExtensionMismatch {
  readonly type: 'extension-mismatch'
  readonly extension: string
}

/** The extensions that fit each media type. The first one is added to the names of downloads. */
const EXTENSIONS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'image/jpeg': ['jpg', 'jpeg', 'jpe', 'jfif'],
  'image/png': ['png'],
  'image/apng': ['png', 'apng'],
  'image/gif': ['gif'],
  'image/webp': ['webp'],
  'image/avif': ['avif'],
  'image/heic': ['heic', 'heif'],
  'image/heif': ['heif', 'heic'],
  'image/tiff': ['tif', 'tiff'],
  'image/bmp': ['bmp'],
  'application/pdf': ['pdf'],
  'audio/mpeg': ['mp3'],
  'audio/mp4': ['m4a', 'mp4', 'm4b'],
  'audio/x-m4a': ['m4a', 'mp4', 'm4b'],
  'audio/aac': ['aac'],
  'audio/flac': ['flac'],
  'audio/ogg': ['ogg', 'oga', 'opus'],
  'audio/wav': ['wav'],
  'audio/aiff': ['aiff', 'aif'],
  'video/mp4': ['mp4', 'm4v'],
  'video/x-m4v': ['m4v', 'mp4'],
  'video/quicktime': ['mov', 'qt'],
  'video/webm': ['webm'],
  'video/matroska': ['mkv'],
  'video/ogg': ['ogv', 'ogg'],
  'video/mpeg': ['mpg', 'mpeg'],
  'video/3gpp': ['3gp'],
  'video/vnd.avi': ['avi'],
  'image/svg+xml': ['svg'],
  'application/zip': ['zip'],
  'application/gzip': ['gz', 'tgz'],
  'application/x-tar': ['tar'],
  'application/x-7z-compressed': ['7z'],
  'application/x-rar-compressed': ['rar'],
}

/** Types that a browser may execute, or that contain other files. They are not allowed by default. */
const TYPES_OFF_BY_DEFAULT = /^image\/svg|^application\/(zip|gzip|x-)/

export const KNOWN_TYPES = Object.keys(EXTENSIONS) as ContentType[]
export const DEFAULT_TYPES: readonly ContentType[] = KNOWN_TYPES.filter((type) => !TYPES_OFF_BY_DEFAULT.test(type))

const RASTER_IMAGE_TYPES = /^image\/(jpeg|png|apng|gif|webp|avif|bmp)$/

/** Whether a browser displays the type as a picture and never executes any of it. */
export const isRasterImage = (type: ContentType): boolean => RASTER_IMAGE_TYPES.test(type)

const ACTIVE_EXTENSIONS =
  /^(html?|xhtml?|xht|shtml|mht|mhtml|svgz?|xml|xsl|js|mjs|cjs|wasm|swf|php\d?|phps|pht|phtml|phar|aspx?|jspx?|cgi|exe|dll|com|scr|msi|bat|cmd|ps1|vbs|vbe|jse|jnlp|desktop|wsf|hta|jar|class|sh|bash|py|pl|rb|lnk|reg)$/

/**
 * Accepts a file if its media type is allowed, and its extension is not one of active content, or fits the type.
 *
 * @param found The media type that was recognised, if any.
 */
export function acceptType(
  found: string | undefined,
  name: FileName,
  allowed: readonly ContentType[],
): Result<ContentType, UnsupportedFileType | ExtensionMismatch> {
  const type = allowed.find((candidate) => candidate === found)
  if (type === undefined) return err({ type: 'unsupported-file-type', found })
  const suffix = extension(name)
  if (ACTIVE_EXTENSIONS.test(suffix) && !fits(suffix, type))
    return err({ type: 'extension-mismatch', extension: suffix })
  return ok(type)
}

/** The file name for a download. Appends an extension if the name has none that fits the media type. */
export function downloadName(name: FileName, type: ContentType): string {
  return fits(extension(name), type) ? name : `${name}.${EXTENSIONS[type]?.[0] ?? 'bin'}`
}

const fits = (suffix: string, type: ContentType): boolean => EXTENSIONS[type]?.includes(suffix) ?? false
