import { type DocumentValue, MAX_TAGS_BYTES, MAX_TAGS_DEPTH, type Metadata } from '../../domain/metadata.ts'

export interface CleanTags {
  readonly tags: Metadata['tags']
  /** Whether there was more than a document may have. */
  readonly isCut: boolean
}

const MAX_TEXT = 4096
const MAX_KEY = 128
/** Where something is, under whatever name: it is told apart, or not at all. */
const PLACES =
  /gps|latitude|longitude|altitude|location|6709|geo(tag|name|hash)|©?xyz|^loci|(^|[^a-z])(city|province|state|country|place)/i
/** What ExifReader has not parsed, pictures within pictures, and what only the camera's maker understands. */
const OPAQUE = /^_raw$|thumbnail|makernote|^images?$|preview|padding|printim|pointer$/i

/** What any document store takes, made of whatever a reader found. What is cut off at a limit is told, what is binary is not. */
export function cleanTags(found: Readonly<Record<string, unknown>>): CleanTags {
  const budget = { left: MAX_TAGS_BYTES - 2, isCut: false }
  return { tags: cleanObject(found, 1, budget), isCut: budget.isCut }
}

/** Well-formed, without control characters, without blanks at its ends; `undefined` when nothing is left. */
export function cleanText(raw: unknown, maxLength = MAX_TEXT): string | undefined {
  if (typeof raw !== 'string') return undefined
  const text = raw
    .slice(0, maxLength)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  return text === '' ? undefined : text
}

interface Budget {
  left: number
  isCut: boolean
}

function cleanObject(raw: object, depth: number, budget: Budget): { [name: string]: DocumentValue } {
  const clean: { [name: string]: DocumentValue } = {}
  for (const [rawName, value] of Object.entries(raw)) {
    if (PLACES.test(rawName) || OPAQUE.test(rawName)) continue
    const name = cleanText(rawName, MAX_KEY)?.replace(/[.$]/g, '_')
    if (name === undefined || name in Object.prototype || Object.hasOwn(clean, name)) continue
    const room = budget.left
    // The name, its quotes, a colon and a comma.
    budget.left -= sizeOf(name) + 2
    const kept = cleanValue(value, depth + 1, budget)
    if (kept !== undefined && budget.left >= 0) clean[name] = kept
    else {
      if (budget.left < 0) budget.isCut = true
      budget.left = room
    }
  }
  return clean
}

function cleanValue(raw: unknown, depth: number, budget: Budget): DocumentValue | undefined {
  if (raw instanceof Date) return cleanValue(Number.isNaN(raw.getTime()) ? undefined : raw.toISOString(), depth, budget)
  if (Array.isArray(raw)) {
    const items = raw.flat(MAX_TAGS_DEPTH).flatMap((item: unknown) => cleanScalar(item) ?? [])
    budget.left -= sizeOf(items)
    return items.length > 0 ? items : undefined
  }
  if (typeof raw === 'object' && raw !== null) {
    if (ArrayBuffer.isView(raw) || raw instanceof ArrayBuffer) return undefined
    if (depth > MAX_TAGS_DEPTH) {
      budget.isCut = true
      return undefined
    }
    budget.left -= 2
    const clean = cleanObject(raw, depth, budget)
    return Object.keys(clean).length > 0 ? clean : undefined
  }
  const scalar = cleanScalar(raw)
  if (scalar !== undefined) budget.left -= sizeOf(scalar)
  return scalar
}

function cleanScalar(raw: unknown): string | number | boolean | undefined {
  if (typeof raw === 'number') return Number.isFinite(raw) ? raw : undefined
  if (typeof raw === 'bigint') return Number(raw)
  return typeof raw === 'boolean' ? raw : cleanText(raw)
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
