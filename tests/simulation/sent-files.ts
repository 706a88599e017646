import { chunksOf, noise, sha256 } from '../samples.ts'

/** The file that takes its time, so that its lease has to be renewed. */
export const SLOW = 'slow.png'

/** The database refuses every row that has this in its file's name, or as its title. */
export const UNSTORABLE = 'unstorable'

const CHUNK = 3000
const made = new Map<string, Buffer>()

/** The file of that name; all tries of one upload send the same. */
export function bytesOf(name: string): Buffer {
  const bytes = made.get(name) ?? noise(chunks(name) * CHUNK - 100, name)
  made.set(name, bytes)
  return bytes
}

const chunks = (name: string): number => (name === SLOW ? 8 : name.startsWith('small') ? 1 : 4)

export const chunksOfFile = (name: string): Uint8Array[] => chunksOf(bytesOf(name), CHUNK)

export const digestOf = (name: string): string => sha256(bytesOf(name))
