import * as fc from 'fast-check'

/** Code units that text rules treat specially: separators, controls, invisible characters, lone surrogates, combining marks. */
const SPECIAL =
  'aB .,/\\\n\0\t\u0085\u00A0\u00AD\u200B\u200D\u2028\u202E\u2066\uFEFF\uFFFD\uD83D\uDE00e\u0301éİßΣ\u212B\u1100\u1161\u0345\u0327'

/** Any text that a sender may send, well-formed or not. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom(...SPECIAL.split('')) }),
)
