/**
 * Behaviour of ImageKit that its documentation leaves open, marked `[?]` in docs/imagekit.md. The contract of
 * FileStorage runs with both values of each switch. `npm run imagekit:verify` prints the value that an account has.
 */
export interface Switches {
  /** Whether delivery answers a range request with 206. If not, it answers 200 with the whole file. */
  readonly ranges: boolean
  /** Whether raw files and videos can be private. If not, only images can. */
  readonly privateRawFiles: boolean
  /** Whether an upload may omit Content-Length. If not, the answer is 411. */
  readonly chunkedUploads: boolean
  /** Whether a file without bytes is refused. If not, it is stored. */
  readonly refusesEmptyFiles: boolean
  /** Whether the list of an unknown folder is empty. If not, the answer is 404. */
  readonly unknownFolderIsEmpty: boolean
  /** Milliseconds for which lists omit a new file, and still contain a deleted one. */
  readonly listLag: number
  /** The largest number of API requests per second. Uploads and delivery do not count. 0: no limit. */
  readonly callsPerSecond: number
}

/** The assumed behaviour. */
export const EXPECTED: Switches = {
  ranges: true,
  privateRawFiles: true,
  chunkedUploads: true,
  refusesEmptyFiles: true,
  unknownFolderIsEmpty: true,
  listLag: 0,
  callsPerSecond: 0,
}

/** Another value for each switch. */
export const OTHERWISE: Switches = {
  ranges: false,
  privateRawFiles: false,
  chunkedUploads: false,
  refusesEmptyFiles: false,
  unknownFolderIsEmpty: false,
  listLag: 50,
  callsPerSecond: 20,
}
