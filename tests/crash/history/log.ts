/** One request as its client saw it. Times are in milliseconds of one monotonic clock. */
export interface Operation {
  readonly what: 'upload' | 'read' | 'content' | 'metadata' | 'title' | 'list' | 'rename' | 'delete'
  readonly client: number
  readonly called: number
  /** Infinity if there was no response. Then the request may take effect at any later time. */
  readonly returned: number
  /** The HTTP status, or undefined if there was no response. */
  readonly status: number | undefined
  /** The id of the media item. Undefined for a list, and for an upload without a response. */
  readonly id?: string | undefined
  /** The media item in the response. */
  readonly version?: number | undefined
  readonly title?: string | undefined
  readonly sha256?: string | undefined
  /** The title that an upload or a rename requested. */
  readonly asked?: string | undefined
  readonly items?: readonly Item[] | undefined
  /** Whether the list contains all media items. */
  readonly isWhole?: boolean | undefined
  /** Whether it was called after all jobs, so that nothing may be old. */
  readonly isSettled?: boolean | undefined
}

/** A media item of a list. */
export interface Item {
  readonly id: string
  readonly version: number
  readonly title: string
  readonly sha256: string
}

export interface History {
  readonly operations: readonly Operation[]
  /** For the digest of each upload: the time before which it cannot have been complete. */
  readonly completeFrom: ReadonlyMap<string, number>
}
