import { err, ok, type Result } from 'neverthrow'

/**
 * The name of an uploaded file, for display only: the last segment of its path, Unicode NFC, without control, format or
 * bidi characters, 1 to 255 bytes of UTF-8. It is never used as a key or a path.
 */
export type FileName = string & { readonly __brand: 'FileName' }

/**
 * The upload has no file name. An HTML form without a chosen file sends a part without a name. A name that is only a
 * folder does not count.
 */
export interface MissingFile {
  readonly type: 'missing-file'
}

const MAX_NAME_BYTES = 255
const MAX_EXTENSION_BYTES = 32
const CONTROL_OR_FORMAT = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Removes invalid characters and the path, and shortens a long name. Errs only if nothing is left. */
export function parseFileName(raw: string): Result<FileName, MissingFile> {
  const visible = raw.toWellFormed().replace(CONTROL_OR_FORMAT, '').normalize('NFC')
  const base = (visible.split(/[/\\]/).at(-1) ?? '').trim()
  if (base === '' || base === '.' || base === '..') return err({ type: 'missing-file' })
  return ok(shorten(base) as FileName)
}

/**
 * The extension in lower case, without the dot. Empty if there is none. A dot at the start does not begin an extension.
 * Dots and spaces at the end are ignored.
 */
export function extension(fullName: string): string {
  const name = fullName.replace(/[. ]+$/, '')
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : ''
}

/** The name without its extension. The whole name if nothing would be left. */
export function stem(name: FileName): string {
  const dot = name.lastIndexOf('.')
  return (dot > 0 ? name.slice(0, dot).trim() : '') || name
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length

/** Cuts between code points. Keeps an extension of at most `MAX_EXTENSION_BYTES` bytes, including the dot. */
function shorten(name: string): string {
  if (byteLength(name) <= MAX_NAME_BYTES) return name
  const dot = name.lastIndexOf('.')
  const suffix = dot > 0 && byteLength(name.slice(dot)) <= MAX_EXTENSION_BYTES ? name.slice(dot) : ''
  let room = MAX_NAME_BYTES - byteLength(suffix)
  let start = ''
  for (const character of name) {
    room -= byteLength(character)
    if (room < 0) break
    start += character
  }
  return start.trimEnd() + suffix
}
