/** What a client was told about one upload; its bytes are like no other's, so that their digest names it. */
export interface Upload {
  readonly sha256: string
  readonly key: string | undefined
  /** The ids under which it was acknowledged: one, unless something is wrong. */
  readonly ids: Set<string>
  /** Whether the client was told, for good, that nothing was kept. */
  isRefused: boolean
  /** What it may be called: the title of the last change that was acknowledged, and those that are in doubt since. */
  readonly titles: Set<string>
  deletion: 'none' | 'in doubt' | 'acknowledged'
}

/** What clients were told, and what they can't know; written while it happens. */
export class ClientLog {
  /** Answers that nothing of what happened explains. */
  readonly wonders: string[] = []
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

  /** From here on, until it is acknowledged or refused, nobody knows whether it is there. */
  sends(sha256: string, title: string, key?: string): Upload {
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

  /** Called before a change is asked for; it is in doubt until `isCalled`. */
  mayBeCalled(sha256: string, title: string): void {
    this.of(sha256)?.titles.add(title)
  }

  isCalled(sha256: string, title: string): void {
    const titles = this.of(sha256)?.titles
    titles?.clear()
    titles?.add(title)
  }

  mayBeDeleted(sha256: string): void {
    const upload = this.of(sha256)
    if (upload?.deletion === 'none') upload.deletion = 'in doubt'
  }

  isDeleted(sha256: string): void {
    const upload = this.of(sha256)
    if (upload) upload.deletion = 'acknowledged'
  }
}
