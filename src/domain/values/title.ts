import { err, ok, type Result } from 'neverthrow'
import type { FileName } from './file-name.ts'
import { stem } from './file-name.ts'
import { cleanText, type TextFault } from './text.ts'

/** What people call a media: Unicode NFC, trimmed, one line, 1–200 characters (code points). */
export type Title = string & { readonly __brand: 'Title' }

export interface InvalidTitle {
  readonly type: 'invalid-title'
  readonly reason: TextFault | 'repeated'
}

const MAX_CHARACTERS = 200

export function parseTitle(raw: string): Result<Title, InvalidTitle> {
  const cleaned = cleanText(raw, MAX_CHARACTERS)
  if ('fault' in cleaned) return err({ type: 'invalid-title', reason: cleaned.fault })
  return ok(cleaned.text as Title)
}

/**
 * The title of a media that was given none: its file name without the extension, cut to 200 characters. What stands there
 * in place of bad bytes becomes an underscore, as no title may have it.
 */
export function titleFromName(name: FileName): Title {
  return [...stem(name).replaceAll('\uFFFD', '_')].slice(0, MAX_CHARACTERS).join('').trim() as Title
}
