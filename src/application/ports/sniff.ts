/** The number of bytes at the start of a file that its type is recognised by. */
export const SNIFF_BYTES = 4100

/** Recognises a file by its first `SNIFF_BYTES` bytes. Returns its media type without parameters, or `undefined`. */
export type Sniff = (head: Uint8Array) => Promise<string | undefined>
