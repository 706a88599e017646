import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One file of the media library; `bytes` is where its content lies. */
export interface Asset {
  readonly fileId: string
  readonly name: string
  readonly folder: string
  readonly size: number
  readonly isPrivate: boolean
  readonly isImage: boolean
  readonly tags: readonly string[] | null
  readonly createdAt: Date
  readonly bytes: string
  /** How often it was written over. */
  versions: number
}

/** What an account has: its files on disk, and when lists come to know of them. */
export class Library {
  readonly #assets = new Map<string, Asset>()
  /** What lists still show though it is gone, and until when. */
  readonly #ghosts = new Map<Asset, number>()
  readonly #folder: string
  readonly lag: () => number
  readonly purged: string[] = []

  private constructor(folder: string, lag: () => number) {
    this.#folder = folder
    this.lag = lag
  }

  static async open(lag: () => number): Promise<Library> {
    return new Library(await mkdtemp(join(tmpdir(), 'mediaport-imagekit-')), lag)
  }

  newPath(): string {
    return join(this.#folder, randomBytes(12).toString('hex'))
  }

  at(path: string): Asset | undefined {
    return this.#assets.get(path)
  }

  byId(fileId: string): Asset | undefined {
    return [...this.#assets.values()].find((asset) => asset.fileId === fileId)
  }

  add(asset: Asset): void {
    this.#assets.set(pathOf(asset), asset)
  }

  async remove(asset: Asset): Promise<void> {
    if (this.lag() > 0) this.#ghosts.set(asset, Date.now() + this.lag())
    this.#assets.delete(pathOf(asset))
    await rm(asset.bytes, { force: true })
  }

  /** Every file as it really is. */
  get all(): readonly Asset[] {
    return [...this.#assets.values()]
  }

  /** What lists show. */
  get listed(): readonly Asset[] {
    const now = Date.now()
    const ghosts = [...this.#ghosts].flatMap(([asset, until]) => (until > now ? [asset] : []))
    return [...this.all.filter(({ createdAt }) => createdAt.getTime() + this.lag() <= now), ...ghosts]
  }

  read(asset: Asset, range?: { start: number; end: number }) {
    return createReadStream(asset.bytes, range)
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true })
  }
}

export const pathOf = ({ folder, name }: Pick<Asset, 'folder' | 'name'>): string =>
  `${folder === '/' ? '' : folder}/${name}`

/** Letters, digits, `.`, `-` and `_` stay; everything else becomes `_` [S]. */
export const cleanName = (name: string): string => name.replace(/[^\p{L}\p{M}\p{N}._-]/gu, '_')

/** Each part as a name, without dots [?]; nothing where it is no folder [S]. */
export function cleanFolder(raw: string): string | undefined {
  const parts = raw.split('/').filter((part) => part !== '')
  if (parts.length > 50 || parts.some((part) => part === '.' || part === '..')) return undefined
  return `/${parts.map((part) => part.replace(/[^\p{L}\p{M}\p{N}_-]/gu, '_')).join('/')}`
}
