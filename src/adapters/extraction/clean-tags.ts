import { type DocumentValue, MAX_TAGS_BYTES, MAX_TAGS_DEPTH, type Metadata } from '../../domain/metadata.ts'

export interface CleanTags {
  readonly tags: Metadata['tags']
  /** Whether tags were left out because they exceed `MAX_TAGS_BYTES` or `MAX_TAGS_DEPTH`. */
  readonly isTruncated: boolean
}

/** The reason of the status `partial` if `isTruncated`. */
export const TRUNCATED_REASON = `The tags exceed ${MAX_TAGS_BYTES / 1024} KiB or ${MAX_TAGS_DEPTH} levels.`

const MAX_TEXT_CODE_UNITS = 4096
const MAX_NAME_CODE_UNITS = 128
/** Names of tags that reveal a place. Only `Metadata.location` has coordinates, so `tags` must have none. */
const PLACE_TAG_NAMES =
  /gps|latitude|longitude|altitude|location|6709|geo(tag|name|hash)|©?xyz|^loci|(^|[^a-z])(city|province|state|country|place)/i
/** Names of tags with binary values: what ExifReader does not parse, embedded pictures, and maker notes. */
const BINARY_TAG_NAMES = /^_raw$|thumbnail|makernote|^images?$|preview|padding|printim|pointer$/i

/**
 * Converts tags to values that every document store accepts. Leaves out binary values and tags that reveal a place. If
 * the tags exceed the limits, leaves out the rest and sets `isTruncated`.
 *
 * @param rawTags The tags as a parser returns them. Their values may have any type.
 */
export function cleanTags(rawTags: Readonly<Record<string, unknown>>): CleanTags {
  const budget = { remainingBytes: MAX_TAGS_BYTES - 2, isTruncated: false }
  return { tags: cleanObject(rawTags, 1, budget), isTruncated: budget.isTruncated }
}

/**
 * Returns well-formed text without control characters and without spaces at its ends. Returns `undefined` if no text
 * remains.
 *
 * @param maxCodeUnits The maximum length. Longer text is cut.
 */
export function cleanText(raw: unknown, maxCodeUnits = MAX_TEXT_CODE_UNITS): string | undefined {
  if (typeof raw !== 'string') return undefined
  const text = raw
    .slice(0, maxCodeUnits)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  return text === '' ? undefined : text
}

interface Budget {
  remainingBytes: number
  isTruncated: boolean
}

function cleanObject(raw: object, depth: number, budget: Budget): { [name: string]: DocumentValue } {
  const clean: { [name: string]: DocumentValue } = {}
  for (const [rawName, rawValue] of Object.entries(raw)) {
    if (PLACE_TAG_NAMES.test(rawName) || BINARY_TAG_NAMES.test(rawName)) continue
    const name = cleanText(rawName, MAX_NAME_CODE_UNITS)?.replace(/[.$]/g, '_')
    if (name === undefined || name in Object.prototype || Object.hasOwn(clean, name)) continue
    const bytesBefore = budget.remainingBytes
    // The name and its quotes, a colon and a comma.
    budget.remainingBytes -= jsonBytes(name) + 2
    const value = cleanValue(rawValue, depth + 1, budget)
    if (value !== undefined && budget.remainingBytes >= 0) clean[name] = value
    else {
      if (budget.remainingBytes < 0) budget.isTruncated = true
      budget.remainingBytes = bytesBefore
    }
  }
  return clean
}

function cleanValue(raw: unknown, depth: number, budget: Budget): DocumentValue | undefined {
  if (raw instanceof Date) return cleanValue(Number.isNaN(raw.getTime()) ? undefined : raw.toISOString(), depth, budget)
  if (Array.isArray(raw)) {
    const items = raw.flat(MAX_TAGS_DEPTH).flatMap((item: unknown) => cleanScalar(item) ?? [])
    budget.remainingBytes -= jsonBytes(items)
    return items.length > 0 ? items : undefined
  }
  if (typeof raw === 'object' && raw !== null) {
    if (ArrayBuffer.isView(raw) || raw instanceof ArrayBuffer) return undefined
    if (depth > MAX_TAGS_DEPTH) {
      budget.isTruncated = true
      return undefined
    }
    budget.remainingBytes -= 2
    const clean = cleanObject(raw, depth, budget)
    return Object.keys(clean).length > 0 ? clean : undefined
  }
  const scalar = cleanScalar(raw)
  if (scalar !== undefined) budget.remainingBytes -= jsonBytes(scalar)
  return scalar
}

function cleanScalar(raw: unknown): string | number | boolean | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : undefined
  if (typeof raw === 'bigint') return Number(raw)
  return typeof raw === 'boolean' ? raw : cleanText(raw)
}

/** The size in JSON, in bytes of UTF-8. */
const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
