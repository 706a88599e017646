/**
 * Behaviour of ImageKit that its documentation leaves open, marked `[?]` in docs/imagekit.md, with the assumed values.
 * The contract of FileStorage runs with both values of each switch. `npm run imagekit:verify` prints the value that an
 * account has.
 */
export const EXPECTED = {
  /** Whether delivery answers a range request with 206. If not, it answers 200 with the whole file. */
  ranges: true,
  /** Whether raw files and videos can be private. If not, only images can. */
  privateRawFiles: true,
  /** Whether an upload may omit Content-Length. If not, the answer is 411. */
  chunkedUploads: true,
  /** Whether a file without bytes is refused. If not, it is stored. */
  refusesEmptyFiles: true,
  /** Whether the list of an unknown folder is empty. If not, the answer is 404. */
  unknownFolderIsEmpty: true,
  /** Milliseconds for which lists omit a new file, and still contain a deleted one. */
  listLag: 0,
  /** The largest number of API requests per second. Uploads and delivery do not count. 0: no limit. */
  callsPerSecond: 0,
}

export type Switches = typeof EXPECTED

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
