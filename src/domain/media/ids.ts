/** The identifier of a media item: a UUID (RFC 9562) in lower case. */
export type MediaId = string & { readonly __brand: 'MediaId' }

/** Accepts the canonical spelling only: lower case, with hyphens, without braces. */
export const isMediaId = (raw: string): raw is MediaId => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(raw)

/**
 * A random token for one attempt to store a file. It is a fencing token: only the attempt that is written in the row may
 * commit or abandon the upload.
 */
export type Attempt = string & { readonly __brand: 'Attempt' }

/** Where a storage keeps the bytes of one attempt: `<id>.<attempt>`. A key is never used for a second `put`. */
export type StorageKey = string & { readonly __brand: 'StorageKey' }

export const storageKey = (id: MediaId, attempt: Attempt): StorageKey => `${id}.${attempt}` as StorageKey
