import { err, ok, Result } from 'neverthrow'
import { MAX_TAG_CHARACTERS, MAX_TAGS } from './limits.ts'
import { cleanText, type TextFault } from './text.ts'

/** A keyword: Unicode NFC, trimmed, lower case, 1 to `MAX_TAG_CHARACTERS` characters, no comma. */
export type Tag = string & { readonly __brand: 'Tag' }

export interface InvalidTag {
  readonly type: 'invalid-tag'
  readonly reason: TextFault | 'comma' | 'too-many'
}

export function parseTag(raw: string): Result<Tag, InvalidTag> {
  if (raw.includes(',')) return err({ type: 'invalid-tag', reason: 'comma' })
  const cleaned = cleanText(raw.toLowerCase(), MAX_TAG_CHARACTERS)
  if ('fault' in cleaned) return err({ type: 'invalid-tag', reason: cleaned.fault })
  return ok(cleaned.text as Tag)
}

/** Keeps the first of equal tags, in the given order. Errs if more than `MAX_TAGS` differ. */
export function parseTags(raw: readonly string[]): Result<readonly Tag[], InvalidTag> {
  return Result.combine(raw.map(parseTag)).andThen((tags) => {
    const unique = [...new Set(tags)]
    return unique.length > MAX_TAGS ? err({ type: 'invalid-tag', reason: 'too-many' } as const) : ok(unique)
  })
}
