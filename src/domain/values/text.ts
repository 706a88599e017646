/**
 * Characters that break a line or change the order of text: C0 and C1 controls, line separators, bidi overrides and
 * isolates.
 */
const CONTROL_CHARACTERS = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u
const INVISIBLE_CHARACTERS = /[\p{Cf}\s]/gu

export type TextFault = 'empty' | 'too-long' | 'control-characters' | 'not-well-formed'

/**
 * Converts text that a person typed to Unicode NFC and trims it. Returns a fault if it has no visible character, more
 * than `maxCharacters` code points or a control character, or if it is not valid Unicode (a lone surrogate, or U+FFFD,
 * which decoders put in place of invalid bytes).
 */
export function cleanText(raw: string, maxCharacters: number): { text: string } | { fault: TextFault } {
  if (!raw.isWellFormed() || raw.includes('\uFFFD')) return { fault: 'not-well-formed' }
  const text = raw.normalize('NFC').trim()
  if (text.replace(INVISIBLE_CHARACTERS, '') === '') return { fault: 'empty' }
  if (CONTROL_CHARACTERS.test(text)) return { fault: 'control-characters' }
  if ([...text].length > maxCharacters) return { fault: 'too-long' }
  return { text }
}
