import { cleanText } from './clean-tags.ts'

/** Tags as ExifReader returns them. The file determines the types of the values. */
export type TagGroup = Partial<Record<string, unknown>>

/** Returns the number of a tag, or the first number of a list. Rational numbers are returned as one number. */
export function numberOf(tag: unknown): number | undefined {
  const value = unwrapValue(tag)
  const first = Array.isArray(value) ? value.flat(3)[0] : value
  const number = typeof first === 'string' ? Number.parseFloat(first) : first
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Returns the text of a tag. The items of a list are joined with spaces. */
export function textOf(tag: unknown): string | undefined {
  const value = unwrapValue(tag)
  if (value === FAULTY_VALUE) return undefined
  return cleanText(Array.isArray(value) ? value.join(' ') : value)
}

/** Names of tags whose text EXIF stores as bytes in a special encoding. */
const ENCODED_TAG_NAMES = /Version$|^UserComment$|^XP/
/** The value that ExifReader returns for a tag that points outside of the file. */
const FAULTY_VALUE = '<faulty value>'
/** Longer lists of numbers are binary data. */
const MAX_LIST_NUMBERS = 32

/** Returns the values of tags without the objects in which ExifReader wraps them. */
export const unwrapTags = (group: TagGroup): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(group).flatMap(([name, tag]) => {
      const value = ENCODED_TAG_NAMES.test(name) && isTag(tag) ? tag.description : unwrapValue(tag)
      if (value === FAULTY_VALUE || value === 'Undefined') return []
      return Array.isArray(value) && value.length > MAX_LIST_NUMBERS && typeof value[0] === 'number'
        ? []
        : [[name, value]]
    }),
  )

interface ExifTag {
  readonly value: unknown
  readonly computed?: unknown
  readonly description?: unknown
}

const isTag = (value: unknown): value is ExifTag => typeof value === 'object' && value !== null && 'value' in value

function unwrapValue(tag: unknown): unknown {
  if (Array.isArray(tag)) return tag.map(unwrapValue)
  if (!isTag(tag)) return typeof tag === 'object' && tag !== null ? unwrapTags({ ...tag }) : tag
  const value = tag.computed ?? tag.value
  if (Array.isArray(value) && value.length === 1) return unwrapValue(value[0])
  if (Array.isArray(value)) return value.map(unwrapValue)
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) ? unwrapTags({ ...value }) : value
}
