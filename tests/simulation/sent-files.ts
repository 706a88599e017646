import { chunksOf, noise, sha256 } from '../samples.ts'

/** A file that is sent slowly, so that its lease must be renewed. */
export const SLOW = 'slow.png'

/** The database refuses rows with this in the file name or as the title. */
export const UNSTORABLE = 'unstorable'

const CHUNK = 3000
const cache = new Map<string, Buffer>()

/** Returns the file of that name. All tries of one upload send the same bytes. */
export function bytesOf(name: string): Buffer {
  const bytes = cache.get(name) ?? noise(chunks(name) * CHUNK - 100, name)
  cache.set(name, bytes)
  return bytes
}

const chunks = (name: string): number => (name === SLOW ? 8 : name.startsWith('small') ? 1 : 4)

export const chunksOfFile = (name: string): Uint8Array[] => chunksOf(bytesOf(name), CHUNK)

export const digestOf = (name: string): string => sha256(bytesOf(name))
