import { cleanText } from './clean-tags.ts'

/** Tags as ExifReader returns them. The file determines the types of the values. */
export type Found = Partial<Record<string, unknown>>

/** Returns the number of a tag, or the first number of a list. Rational numbers are returned as one number. */
export function numberOf(tag: unknown): number | undefined {
  const value = plainValue(tag)
  const first = Array.isArray(value) ? value.flat(3)[0] : value
  const number = typeof first === 'string' ? Number.parseFloat(first) : first
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Returns the text of a tag. The items of a list are joined with spaces. */
export function textOf(tag: unknown): string | undefined {
  const value = plainValue(tag)
  if (value === FAULTY) return undefined
  return cleanText(Array.isArray(value) ? value.join(' ') : value)
}

/** Names of tags whose text EXIF stores as bytes in a special encoding. */
const ENCODED = /Version$|^UserComment$|^XP/
/** The value that ExifReader returns for a tag that points outside of the file. */
const FAULTY = '<faulty value>'
/** Longer lists of numbers are binary data. */
const MAX_NUMBERS = 32

/** Returns the values of tags without the objects in which ExifReader wraps them. */
export const plain = (group: Found): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(group).flatMap(([name, tag]) => {
      const value = ENCODED.test(name) && isTag(tag) ? tag.description : plainValue(tag)
      if (value === FAULTY || value === 'Undefined') return []
      return Array.isArray(value) && value.length > MAX_NUMBERS && typeof value[0] === 'number' ? [] : [[name, value]]
    }),
  )

interface Tag {
  readonly value: unknown
  readonly computed?: unknown
  readonly description?: unknown
}

const isTag = (value: unknown): value is Tag => typeof value === 'object' && value !== null && 'value' in value

function plainValue(tag: unknown): unknown {
  if (Array.isArray(tag)) return tag.map(plainValue)
  if (!isTag(tag)) return typeof tag === 'object' && tag !== null ? plain({ ...tag }) : tag
  const value = tag.computed ?? tag.value
  if (Array.isArray(value) && value.length === 1) return plainValue(value[0])
  if (Array.isArray(value)) return value.map(plainValue)
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) ? plain({ ...value }) : value
}
