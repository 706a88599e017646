import type { Library } from './library.ts'
import type { Switches } from './switches.ts'

/** What the routes are about: one account, and how its vendor behaves. */
export interface Account {
  readonly library: Library
  readonly switches: Switches
  readonly privateKey: string
  readonly publicKey: string
  readonly urlEndpoint: string
  /** Bytes; the plan's limit for all but videos, and for these. */
  readonly maxFile: number
  readonly maxVideo: number
  /** The vendor's clock, in ms. */
  readonly now: () => number
  /** Signatures of uploads straight from a browser are taken once [S]. */
  readonly usedTokens: Set<string>
}
