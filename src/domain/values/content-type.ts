import { err, ok, type Result } from 'neverthrow'
import { extension, type FileName } from './file-name.ts'

/** A media type as its bytes show it (RFC 6838 name), never as a client declared it. */
export type ContentType = string & { readonly __brand: 'ContentType' }

export interface UnsupportedFileType {
  readonly type: 'unsupported-file-type'
  /** What the bytes were recognised as, if anything. */
  readonly found: string | undefined
}

/** The name ends in an extension of active content (a page, a script, a program) that the bytes are not. */
export interface ExtensionMismatch {
  readonly type: 'extension-mismatch'
  readonly extension: string
}

/** Extensions that fit a type, ours first. */
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

/** Types that a browser can be made to execute, or that hide other files: accepted only when they are named. */
const ONLY_WHEN_NAMED = /^image\/svg|^application\/(zip|gzip|x-)/

export const KNOWN_TYPES = Object.keys(EXTENSIONS) as ContentType[]
export const DEFAULT_TYPES: readonly ContentType[] = KNOWN_TYPES.filter((type) => !ONLY_WHEN_NAMED.test(type))

const RASTER_IMAGES = /^image\/(jpeg|png|apng|gif|webp|avif|bmp)$/

/** Whether a browser shows it as a picture without ever running it. */
export const isRasterImage = (type: ContentType): boolean => RASTER_IMAGES.test(type)

const ACTIVE =
  /^(html?|xhtml?|xht|shtml|mht|mhtml|svgz?|xml|xsl|js|mjs|cjs|wasm|swf|php\d?|phps|pht|phtml|phar|aspx?|jspx?|cgi|exe|dll|com|scr|msi|bat|cmd|ps1|vbs|vbe|jse|jnlp|desktop|wsf|hta|jar|class|sh|bash|py|pl|rb|lnk|reg)$/

/** A file is taken when its bytes are of an allowed type and its name doesn't promise something that runs. */
export function acceptType(
  found: string | undefined,
  name: FileName,
  allowed: readonly ContentType[],
): Result<ContentType, UnsupportedFileType | ExtensionMismatch> {
  const type = allowed.find((each) => each === found)
  if (type === undefined) return err({ type: 'unsupported-file-type', found })
  const suffix = extension(name)
  if (ACTIVE.test(suffix) && !fits(suffix, type)) return err({ type: 'extension-mismatch', extension: suffix })
  return ok(type)
}

/** The name to save a download under: as it is when its extension fits the bytes, else with ours put behind it. */
export function downloadName(name: FileName, type: ContentType): string {
  return fits(extension(name), type) ? name : `${name}.${EXTENSIONS[type]?.[0] ?? 'bin'}`
}

const fits = (suffix: string, type: ContentType): boolean => EXTENSIONS[type]?.includes(suffix) ?? false
