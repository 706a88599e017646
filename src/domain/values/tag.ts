import { err, ok, Result } from 'neverthrow'
import { cleanText, type TextFault } from './text.ts'

/** A word to find a media by: Unicode NFC, trimmed, lower case, 1–64 characters (code points), no comma. */
export type Tag = string & { readonly __brand: 'Tag' }

export interface InvalidTag {
  readonly type: 'invalid-tag'
  readonly reason: TextFault | 'comma' | 'too-many'
}

const MAX_CHARACTERS = 64
const MAX_TAGS = 32

export function parseTag(raw: string): Result<Tag, InvalidTag> {
  if (raw.includes(',')) return err({ type: 'invalid-tag', reason: 'comma' })
  const cleaned = cleanText(raw.toLowerCase(), MAX_CHARACTERS)
  if ('fault' in cleaned) return err({ type: 'invalid-tag', reason: cleaned.fault })
  return ok(cleaned.text as Tag)
}

/** Each tag once, in the order given; at most 32. */
export function parseTags(raw: readonly string[]): Result<readonly Tag[], InvalidTag> {
  return Result.combine(raw.map(parseTag)).andThen((tags) => {
    const each = [...new Set(tags)]
    return each.length > MAX_TAGS ? err({ type: 'invalid-tag', reason: 'too-many' } as const) : ok(each)
  })
}
