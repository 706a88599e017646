/** What a client knows about one upload. Each upload has its own bytes, so the digest identifies it. */
export interface Upload {
  readonly sha256: string
  readonly key: string | undefined
  /** The acknowledged ids. More than one is a violation. */
  readonly ids: Set<string>
  /** Whether the client received an error that says that nothing was stored. */
  isRefused: boolean
  /** The possible titles: the last acknowledged one and those whose change is not confirmed. */
  readonly titles: Set<string>
  /** The time before which no server can have had all bytes, in milliseconds of `performance.now()`. */
  completeFrom?: number
  deletion: 'none' | 'unconfirmed' | 'acknowledged'
}

/** What clients know of the outcomes of their requests. It is updated before each request and after each response. */
export class ClientLog {
  /** Responses that no fault explains. */
  readonly unexpected: string[] = []
  readonly #uploads = new Map<string, Upload>()

  get uploads(): readonly Upload[] {
    return [...this.#uploads.values()]
  }

  get acknowledged(): readonly Upload[] {
    return this.uploads.filter(({ ids }) => ids.size > 0)
  }

  of(sha256: string): Upload | undefined {
    return this.#uploads.get(sha256)
  }

  /** Called before an upload. Until it is acknowledged or refused, its outcome is not known. */
  uploadSent(sha256: string, title: string, key?: string): Upload {
    const upload: Upload = {
      sha256,
      key,
      ids: new Set(),
      isRefused: false,
      titles: new Set([title]),
      deletion: 'none',
    }
    this.#uploads.set(sha256, upload)
    return upload
  }

  /** Called before a change. Its outcome is not known until `renameAcknowledged`. */
  renameSent(sha256: string, title: string): void {
    this.of(sha256)?.titles.add(title)
  }

  renameAcknowledged(sha256: string, title: string): void {
    const titles = this.of(sha256)?.titles
    titles?.clear()
    titles?.add(title)
  }

  deletionSent(sha256: string): void {
    const upload = this.of(sha256)
    if (upload?.deletion === 'none') upload.deletion = 'unconfirmed'
  }

  deletionAcknowledged(sha256: string): void {
    const upload = this.of(sha256)
    if (upload) upload.deletion = 'acknowledged'
  }
}
