import { err, ok, type Result } from 'neverthrow'

/**
 * The name a file came with, for display only: its last path segment, Unicode NFC, without control, format or bidi
 * characters, 1–255 bytes of UTF-8. Nothing is ever stored or looked up under it.
 */
export type FileName = string & { readonly __brand: 'FileName' }

/** No file was given: an HTML form without a chosen file sends a part without a name, and so do names that are only a folder. */
export interface MissingFile {
  readonly type: 'missing-file'
}

const MAX_BYTES = 255
const MAX_EXTENSION_BYTES = 32
const CONTROL_OR_FORMAT = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

export function parseFileName(raw: string): Result<FileName, MissingFile> {
  const visible = raw.toWellFormed().replace(CONTROL_OR_FORMAT, '').normalize('NFC')
  const base = (visible.split(/[/\\]/).at(-1) ?? '').trim()
  if (base === '' || base === '.' || base === '..') return err({ type: 'missing-file' })
  return ok(shorten(base) as FileName)
}

/** Lower case, without the dot; empty when there is none. A leading dot starts a name; dots at the end are no part of it. */
export function extension(fullName: string): string {
  const name = fullName.replace(/[. ]+$/, '')
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : ''
}

export function stem(name: FileName): string {
  const dot = name.lastIndexOf('.')
  return (dot > 0 ? name.slice(0, dot).trim() : '') || name
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length

/** Cuts between code points and keeps an extension of sensible length. */
function shorten(name: string): string {
  if (byteLength(name) <= MAX_BYTES) return name
  const dot = name.lastIndexOf('.')
  const suffix = dot > 0 && byteLength(name.slice(dot)) <= MAX_EXTENSION_BYTES ? name.slice(dot) : ''
  let room = MAX_BYTES - byteLength(suffix)
  let start = ''
  for (const character of name) {
    room -= byteLength(character)
    if (room < 0) break
    start += character
  }
  return start.trimEnd() + suffix
}
