import type { ImageKit } from '@imagekit/nodejs'
import { z } from 'zod'
import type { ListedFile } from '../../application/ports/file-storage.ts'
import type { StorageKey } from '../../domain/media/ids.ts'
import { isMissing, mayAskAgainAfter } from './errors.ts'

const PAGE = 1000
/** How long a request may be put off by rate limits, in ms. */
const PATIENCE = 10_000

/** Every property is optional in the vendor's types, so what is needed is asked for here. */
const Listed = z.array(z.object({ fileId: z.string(), name: z.string(), size: z.number(), createdAt: z.string() }))

/** Where a page ended: what was made at that moment and is known already. */
interface PageEnd {
  readonly last: StorageKey
  readonly createdAt: string
  readonly keys: ReadonlySet<string>
}

/** The files of one folder, as ImageKit's API shows and removes them. It may come to know of them late. */
export class MediaLibrary {
  readonly #api: ImageKit
  readonly #folder: string
  #pageEnd: PageEnd | undefined

  constructor(api: ImageKit, folder: string) {
    this.#api = api
    this.#folder = folder
  }

  /** By the name that we gave it, which ImageKit keeps: a key has letters, digits, `.` and `-` only. */
  find(key: StorageKey): Promise<z.infer<typeof Listed>> {
    return this.#search(`name = "${key}"`)
  }

  /** What is gone is no error. */
  async remove(fileId: string): Promise<void> {
    await this.#limited(() => this.#api.files.delete(fileId)).catch(ifMissing)
  }

  /** Takes what delivery keeps under an address; a star at its end stands for whatever follows. */
  async purge(url: string): Promise<void> {
    await this.#limited(() => this.#api.cache.invalidation.create({ url }))
  }

  /** In the order in which they were made, which later ones don't change. */
  async page(after: StorageKey | undefined): Promise<ListedFile[]> {
    const end = after === undefined ? undefined : await this.#endOf(after)
    const found = await this.#search(end && `createdAt >= "${end.createdAt}"`)
    if (after !== undefined && !end && found.length > 0)
      throw new Error(`the list can't go on after ${after}, which is gone`)
    const page = found.filter(({ name }) => !end?.keys.has(name))
    const last = page.at(-1)
    if (last) {
      const sameMoment = found.filter(({ createdAt }) => createdAt === last.createdAt).map(({ name }) => name)
      const earlier = end?.createdAt === last.createdAt ? end.keys : []
      const keys = new Set([...earlier, ...sameMoment])
      this.#pageEnd = { last: last.name as StorageKey, createdAt: last.createdAt, keys }
    }
    return page.map(({ name, size, createdAt }) => ({
      key: name as StorageKey,
      size,
      modifiedAt: new Date(createdAt),
    }))
  }

  async #endOf(key: StorageKey): Promise<PageEnd | undefined> {
    if (this.#pageEnd?.last === key) return this.#pageEnd
    const [file] = await this.find(key)
    return file && { last: key, createdAt: file.createdAt, keys: new Set([key]) }
  }

  /** At most a page, the oldest first. */
  async #search(condition?: string): Promise<z.infer<typeof Listed>> {
    const asked = {
      path: this.#folder,
      searchQuery: condition === undefined ? 'type = "file"' : `type = "file" AND ${condition}`,
      sort: 'ASC_CREATED',
      limit: PAGE,
    } as const
    // The folder is made by the first upload; whether until then it is empty or an error is not known.
    const found = await this.#limited(() => this.#api.assets.list(asked)).catch((cause: unknown) => {
      ifMissing(cause)
      return []
    })
    return Listed.parse(found)
  }

  /** Waits as long as it is told to by a rate limit, but not for ever. */
  async #limited<T>(ask: () => PromiseLike<T>): Promise<T> {
    for (const until = performance.now() + PATIENCE; ; ) {
      try {
        return await ask()
      } catch (cause) {
        const wait = mayAskAgainAfter(cause)
        if (wait === undefined || performance.now() + wait > until) throw cause
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
  }
}

function ifMissing(cause: unknown): void {
  if (!isMissing(cause)) throw cause
}
