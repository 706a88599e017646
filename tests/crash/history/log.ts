/** One request as its client saw it; times are of one monotonic clock, in ms. */
export interface Operation {
  readonly what: 'upload' | 'read' | 'content' | 'metadata' | 'title' | 'list' | 'rename' | 'delete'
  readonly client: number
  readonly called: number
  /** Infinity, where no answer came: then it may yet have its effect at any time. */
  readonly returned: number
  /** Of HTTP; nothing where no answer came. */
  readonly status: number | undefined
  /** The media; nothing for a list, and for an upload without answer. */
  readonly id?: string | undefined
  /** What was shown of the media. */
  readonly version?: number | undefined
  readonly title?: string | undefined
  readonly sha256?: string | undefined
  /** The title that an upload or a rename asked for. */
  readonly asked?: string | undefined
  readonly items?: readonly Item[] | undefined
  /** Whether the list is all that there is. */
  readonly isWhole?: boolean | undefined
  /** Called once all jobs were done, so that nothing may be old any more. */
  readonly isSettled?: boolean | undefined
}

/** A media in a list. */
export interface Item {
  readonly id: string
  readonly version: number
  readonly title: string
  readonly sha256: string
}

export interface History {
  readonly operations: readonly Operation[]
  /** Of every upload, by the digest of its bytes: before this moment it can't have been complete. */
  readonly completeFrom: ReadonlyMap<string, number>
}
