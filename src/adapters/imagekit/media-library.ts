import type { ImageKit } from '@imagekit/nodejs'
import { z } from 'zod'
import type { ListedFile } from '../../application/ports/file-storage.ts'
import type { StorageKey } from '../../domain/media/ids.ts'
import { isMissing, rateLimitDelayMs } from './errors.ts'

const PAGE_SIZE = 1000
/** How long rate limits may delay one request. */
const MAX_DELAY_MS = 10_000

/** Checks the answer, because every property is optional in the vendor's types. */
const FileList = z.array(z.object({ fileId: z.string(), name: z.string(), size: z.number(), createdAt: z.string() }))

/** The end of a page: its last file, and all returned files with the same time of creation. */
interface PageEnd {
  readonly last: StorageKey
  readonly createdAt: string
  readonly keys: ReadonlySet<string>
}

/** The files of one folder in ImageKit's media library. Lists are eventually consistent: a new file may be missing. */
export class MediaLibrary {
  readonly #api: ImageKit
  readonly #folder: string
  #pageEnd: PageEnd | undefined

  constructor(api: ImageKit, folder: string) {
    this.#api = api
    this.#folder = folder
  }

  /** Finds files by name. ImageKit keeps a key unchanged as the name: it has only letters, digits, `.` and `-`. */
  find(key: StorageKey): Promise<z.infer<typeof FileList>> {
    return this.#search(`name = "${key}"`)
  }

  /** Deletes a file. Succeeds if there is none. */
  async remove(fileId: string): Promise<void> {
    await this.#withRateLimit(() => this.#api.files.delete(fileId)).catch(ifMissing)
  }

  /** Removes the copies of a file from the CDN. A `*` at the end of `url` matches any text. */
  async purge(url: string): Promise<void> {
    await this.#withRateLimit(() => this.#api.cache.invalidation.create({ url }))
  }

  /** Returns a page of files by time of creation. New files do not change the order of the others. */
  async page(after: StorageKey | undefined): Promise<ListedFile[]> {
    const end = after === undefined ? undefined : await this.#endOf(after)
    const files = await this.#search(end && `createdAt >= "${end.createdAt}"`)
    if (after !== undefined && !end && files.length > 0)
      throw new Error(`The list cannot continue after ${after}, because that file does not exist any more.`)
    const page = files.filter(({ name }) => !end?.keys.has(name))
    const last = page.at(-1)
    if (last) {
      const sameTime = files.filter(({ createdAt }) => createdAt === last.createdAt).map(({ name }) => name)
      const earlier = end?.createdAt === last.createdAt ? end.keys : []
      const keys = new Set([...earlier, ...sameTime])
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

  /** Returns at most one page, oldest first. */
  async #search(condition?: string): Promise<z.infer<typeof FileList>> {
    const query = {
      path: this.#folder,
      searchQuery: condition === undefined ? 'type = "file"' : `type = "file" AND ${condition}`,
      sort: 'ASC_CREATED',
      limit: PAGE_SIZE,
    } as const
    // The first upload creates the folder. Until then ImageKit may answer with an empty list or with 404.
    const answer = await this.#withRateLimit(() => this.#api.assets.list(query)).catch((cause: unknown) => {
      ifMissing(cause)
      return []
    })
    return FileList.parse(answer)
  }

  /** Repeats a request that exceeds a rate limit. Throws the error if the delay would exceed `MAX_DELAY_MS`. */
  async #withRateLimit<T>(request: () => PromiseLike<T>): Promise<T> {
    for (const deadline = performance.now() + MAX_DELAY_MS; ; ) {
      try {
        return await request()
      } catch (cause) {
        const waitMs = rateLimitDelayMs(cause)
        if (waitMs === undefined || performance.now() + waitMs > deadline) throw cause
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
  }
}

function ifMissing(cause: unknown): void {
  if (!isMissing(cause)) throw cause
}
