import { err, ok, type Result } from 'neverthrow'
import { type FileName, stem } from './file-name.ts'
import { MAX_TITLE_CHARACTERS } from './limits.ts'
import { cleanText, type TextFault } from './text.ts'

/** The title of a media item: Unicode NFC, trimmed, one line, 1 to `MAX_TITLE_CHARACTERS` characters. */
export type Title = string & { readonly __brand: 'Title' }

export interface InvalidTitle {
  readonly type: 'invalid-title'
  readonly reason: TextFault | 'repeated'
}

export function parseTitle(raw: string): Result<Title, InvalidTitle> {
  const cleaned = cleanText(raw, MAX_TITLE_CHARACTERS)
  if ('fault' in cleaned) return err({ type: 'invalid-title', reason: cleaned.fault })
  return ok(cleaned.text as Title)
}

/**
 * The title of a media item that was uploaded without one: its file name without the extension, cut to
 * `MAX_TITLE_CHARACTERS`. U+FFFD, which decoders put in place of invalid bytes, becomes an underscore.
 */
export function titleFromName(name: FileName): Title {
  return [...stem(name).replaceAll('\uFFFD', '_')].slice(0, MAX_TITLE_CHARACTERS).join('').trim() as Title
}
