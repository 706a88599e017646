/**
 * What the vendor's documents leave open: each is tried both ways. The first value is what we expect.
 * `[?]` in the table of docs/imagekit.md; `npm run imagekit:verify` looks what an account does.
 */
export interface Switches {
  /** Whether delivery answers a range with 206, or with all of it and 200. */
  readonly ranges: boolean
  /** Whether delivery answers HEAD (else 405). */
  readonly answersHead: boolean
  /** Whether raw files and videos can be private, as pictures can. */
  readonly privateRawFiles: boolean
  /** Whether an upload may come without a Content-Length (else 411). */
  readonly chunkedUploads: boolean
  /** Whether a file of no bytes is refused (else it is kept). */
  readonly refusesEmptyFiles: boolean
  /** Whether a file that is too large is refused as soon as that is known, and the connection closed (else after its end). */
  readonly refusesEarly: boolean
  /** Whether letters and digits of other scripts stay in names (else they become `_`, as blanks do). */
  readonly keepsUnicodeNames: boolean
  /** Whether a file that is written over keeps its fileId. */
  readonly keepsFileId: boolean
  /** Whether the hundred-and-first version of a file is refused (else the first one goes). */
  readonly refusesVersion101: boolean
  /** Whether the list of a folder that nobody made is empty (else 404). */
  readonly unknownFolderIsEmpty: boolean
  /** How long a new file is missing from lists, and a deleted one still in them, in ms. */
  readonly listLag: number
  /** How many requests other than uploads are answered in a second; 0: all of them. */
  readonly callsPerSecond: number
}

export const EXPECTED: Switches = {
  ranges: true,
  answersHead: true,
  privateRawFiles: true,
  chunkedUploads: true,
  refusesEmptyFiles: true,
  refusesEarly: false,
  keepsUnicodeNames: true,
  keepsFileId: true,
  refusesVersion101: true,
  unknownFolderIsEmpty: true,
  listLag: 0,
  callsPerSecond: 0,
}

/** Each the other way round. */
export const OTHERWISE: Switches = {
  ranges: false,
  answersHead: false,
  privateRawFiles: false,
  chunkedUploads: false,
  refusesEmptyFiles: false,
  refusesEarly: true,
  keepsUnicodeNames: false,
  keepsFileId: false,
  refusesVersion101: false,
  unknownFolderIsEmpty: false,
  listLag: 50,
  callsPerSecond: 20,
}
