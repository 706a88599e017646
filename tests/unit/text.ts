import * as fc from 'fast-check'

/** Code units that text rules stumble over: separators, controls, the unseen, halves of a pair, marks that compose. */
const AWKWARD =
  'aB .,/\\\n\0\t\u0085\u00A0\u00AD\u200B\u200D\u2028\u202E\u2066\uFEFF\uFFFD\uD83D\uDE00e\u0301éİßΣ\u212B\u1100\u1161\u0345\u0327'

/** What people and programs may send as text, valid Unicode or not. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom(...AWKWARD.split('')) }),
)
