/** Characters that break a line or reorder what a reader sees: C0 and C1 controls, line separators, bidi overrides and isolates. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u
const INVISIBLE = /[\p{Cf}\s]/gu

export type TextFault = 'empty' | 'too-long' | 'control-characters' | 'not-well-formed'

/**
 * Normalises what a person typed: Unicode NFC, white space at both ends removed.
 * @returns the fault instead when nothing visible is left, it has more than `maxCharacters` code points, contains
 * control characters, or was not valid Unicode (a lone surrogate, or U+FFFD, which decoders put in place of bad bytes).
 */
export function cleanText(raw: string, maxCharacters: number): { text: string } | { fault: TextFault } {
  if (!raw.isWellFormed() || raw.includes('\uFFFD')) return { fault: 'not-well-formed' }
  const text = raw.normalize('NFC').trim()
  if (text.replace(INVISIBLE, '') === '') return { fault: 'empty' }
  if (CONTROLS.test(text)) return { fault: 'control-characters' }
  if ([...text].length > maxCharacters) return { fault: 'too-long' }
  return { text }
}
