import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One file of the media library; `bytes` is where its content lies. */
export interface Asset {
  readonly type: 'file'
  readonly fileId: string
  readonly name: string
  /** Without a slash at its end, but for the root. */
  readonly folder: string
  readonly size: number
  readonly mime: string
  readonly isPrivate: boolean
  readonly tags: readonly string[] | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly bytes: string
  /** How often it was written, at most 100 times [S]. */
  readonly versions: number
}

export interface Folder {
  readonly type: 'folder'
  readonly folderId: string
  readonly name: string
  /** The one that it is in. */
  readonly folder: string
  readonly createdAt: Date
}

/** What an account has: its files on disk, what delivery keeps of them, and when lists come to know of them. */
export class Library {
  readonly #assets = new Map<string, Asset>()
  readonly #folders = new Map<string, Folder>()
  /** What delivery has served once it serves on, whatever becomes of the file, until it is purged [S]. */
  readonly #copies = new Map<string, Asset>()
  /** What lists still show though it is gone, and until when. */
  readonly #ghosts = new Map<Asset, number>()
  readonly #place: string
  readonly lag: () => number
  /** Addresses, by the id of the request that purged them. */
  readonly purges = new Map<string, string>()

  private constructor(place: string, lag: () => number) {
    this.#place = place
    this.lag = lag
  }

  static async open(lag: () => number): Promise<Library> {
    return new Library(await mkdtemp(join(tmpdir(), 'mediaport-imagekit-')), lag)
  }

  newPath(): string {
    return join(this.#place, randomBytes(12).toString('hex'))
  }

  at(path: string): Asset | undefined {
    return this.#assets.get(path)
  }

  byId(fileId: string): Asset | undefined {
    return this.all.find((asset) => asset.fileId === fileId)
  }

  async add(asset: Asset): Promise<void> {
    const before = this.at(pathOf(asset))
    this.addFolder(asset.folder)
    this.#assets.set(pathOf(asset), asset)
    if (before) await this.#clear(before)
  }

  async remove(asset: Asset): Promise<void> {
    if (this.lag() > 0) this.#ghosts.set(asset, Date.now() + this.lag())
    this.#assets.delete(pathOf(asset))
    await this.#clear(asset)
  }

  /** And those above it. */
  addFolder(path: string): void {
    if (path === '/' || this.#folders.has(path)) return
    const folder = path.replace(/\/[^/]*$/, '') || '/'
    this.addFolder(folder)
    const folderId = randomBytes(12).toString('hex')
    this.#folders.set(path, {
      type: 'folder',
      folderId,
      name: path.split('/').at(-1) ?? '',
      folder,
      createdAt: new Date(),
    })
  }

  hasFolder(path: string): boolean {
    return path === '/' || this.#folders.has(path)
  }

  /** With all that is in it. */
  async removeFolder(path: string): Promise<void> {
    for (const asset of this.all) if (isWithin(asset.folder, path)) await this.remove(asset)
    for (const each of this.#folders.keys()) if (isWithin(each, path)) this.#folders.delete(each)
  }

  /** What delivery serves at a path; from then on it keeps a copy. */
  deliver(path: string): Asset | undefined {
    const found = this.#copies.get(path) ?? this.#assets.get(path)
    if (found) this.#copies.set(path, found)
    return found
  }

  /** Whether it is the path of a file that delivery serves. */
  serves(path: string): boolean {
    return this.#copies.has(path) || this.#assets.has(path)
  }

  /** @param path with `*` at its end: whatever begins so. */
  async purge(path: string): Promise<void> {
    const isMeant = (each: string) => (path.endsWith('*') ? each.startsWith(path.slice(0, -1)) : each === path)
    for (const [each, asset] of this.#copies)
      if (isMeant(each)) {
        this.#copies.delete(each)
        await this.#clear(asset)
      }
  }

  get purged(): readonly string[] {
    return [...this.purges.values()]
  }

  /** Every file as it really is. */
  get all(): readonly Asset[] {
    return [...this.#assets.values()]
  }

  /** The files that lists show. */
  get listed(): readonly Asset[] {
    const now = Date.now()
    const ghosts = [...this.#ghosts].flatMap(([asset, until]) => (until > now ? [asset] : []))
    return [...this.all.filter(({ createdAt }) => createdAt.getTime() + this.lag() <= now), ...ghosts]
  }

  /** Whether lists show what there is. */
  get isListed(): boolean {
    const { all, listed } = this
    return all.length === listed.length && all.every((asset) => listed.includes(asset))
  }

  get folders(): readonly Folder[] {
    return [...this.#folders.values()]
  }

  close(): Promise<void> {
    return rm(this.#place, { recursive: true, force: true })
  }

  /** Its bytes go when nothing has them any more. */
  async #clear({ bytes }: Asset): Promise<void> {
    const isKept = [...this.#assets.values(), ...this.#copies.values()].some((asset) => asset.bytes === bytes)
    if (!isKept) await rm(bytes, { force: true })
  }
}

export const pathOf = ({ folder, name }: Pick<Asset, 'folder' | 'name'>): string =>
  `${folder === '/' ? '' : folder}/${name}`

/** Whether a folder is this one or below it. */
export const isWithin = (folder: string, above: string): boolean =>
  above === '/' || folder === above || folder.startsWith(`${above}/`)

/** Each part as a name, without dots [?]; nothing where it is no folder: too deep, or by way of dots [S]. */
export function cleanFolder(raw: string, clean: (text: string) => string): string | undefined {
  const parts = raw.split('/').filter((part) => part !== '')
  if (parts.length > 50 || parts.some((part) => part === '.' || part === '..')) return undefined
  return `/${parts.map((part) => clean(part).replaceAll('.', '_')).join('/')}`
}

/** Letters, digits, `.`, `-` and `_` stay; everything else becomes `_` [S]. @param unicode of every script, or of ASCII. */
export const cleaner =
  (unicode: boolean) =>
  (name: string): string =>
    name.replace(unicode ? /[^\p{L}\p{M}\p{N}._-]/gu : /[^A-Za-z0-9._-]/gu, '_')
