import { ok, Result } from 'neverthrow'
import { type InvalidSha256, parseSha256, type Sha256 } from '../../domain/values/digest.ts'
import { type InvalidTag, parseTags, type Tag } from '../../domain/values/tag.ts'
import { type InvalidTitle, parseTitle, type Title } from '../../domain/values/title.ts'

/** What the sender says about a file. */
export interface Details {
  /** By default the file name without its extension. */
  readonly title?: string | undefined
  readonly tags?: readonly string[] | undefined
  /** The expected SHA-256 of the bytes in hexadecimal. An upload of other bytes fails with `digest-mismatch`. */
  readonly sha256?: string | undefined
}

export interface ParsedDetails {
  readonly title: Title | undefined
  readonly tags: readonly Tag[]
  readonly sha256: Sha256 | undefined
}

export type InvalidDetails = InvalidTitle | InvalidTag | InvalidSha256

export function parseDetails(details: Details): Result<ParsedDetails, InvalidDetails> {
  return Result.combine([
    optional(parseTitle)(details.title),
    parseTags(details.tags ?? []),
    optional(parseSha256)(details.sha256),
  ]).map(([title, tags, sha256]) => ({ title, tags, sha256 }))
}

const optional =
  <T, E>(parse: (raw: string) => Result<T, E>) =>
  (raw: string | undefined): Result<T | undefined, E> =>
    raw === undefined ? ok(undefined) : parse(raw)
