/** How many bytes of a file's head a type is recognised by. */
export const SNIFF_BYTES = 4100

/** Recognises a file by its first bytes (up to `SNIFF_BYTES`); answers with its media type, without parameters. */
export type Sniff = (head: Uint8Array) => Promise<string | undefined>
