import { rm } from 'node:fs/promises'
import type { Switches } from './switches.ts'

/** A file of the media library. */
export interface Asset {
  readonly fileId: string
  readonly name: string
  readonly folder: string
  readonly size: number
  readonly mime: string
  readonly isPrivate: boolean
  readonly createdAt: Date
  /** The path on disk of its bytes. */
  readonly bytes: string
}

/** The files of an account, and the copies that delivery has cached. Lists change after `listLag`. */
export class Library {
  /** The addresses of all purge requests. */
  readonly purged: string[] = []
  readonly #assets = new Map<string, Asset>()
  readonly #folders = new Set<string>()
  /** Delivery keeps serving a file that it has served before until its address is purged [S]. */
  readonly #cached = new Map<string, Asset>()
  /** Deleted files, and the time until which lists contain them. */
  readonly #deleted = new Map<Asset, number>()
  readonly #switches: Pick<Switches, 'listLag'>

  constructor(switches: Pick<Switches, 'listLag'>) {
    this.#switches = switches
  }

  /** All files, including those that lists do not contain yet. */
  get all(): readonly Asset[] {
    return [...this.#assets.values()]
  }

  /** The files that lists contain now. */
  get listed(): readonly Asset[] {
    const now = Date.now()
    const deleted = [...this.#deleted].filter(([, until]) => until > now).map(([asset]) => asset)
    return [...this.all.filter(({ createdAt }) => createdAt.getTime() + this.#switches.listLag <= now), ...deleted]
  }

  /** Whether lists are up to date. */
  get isListed(): boolean {
    const { all, listed } = this
    return all.length === listed.length && all.every((asset) => listed.includes(asset))
  }

  has(path: string): boolean {
    return this.#assets.has(path)
  }

  add(asset: Asset): void {
    this.#folders.add(asset.folder)
    this.#assets.set(pathOf(asset), asset)
  }

  async remove(asset: Asset): Promise<void> {
    this.#deleted.set(asset, Date.now() + this.#switches.listLag)
    this.#assets.delete(pathOf(asset))
    await this.#removeBytes(asset)
  }

  /** A folder exists from its first upload on. */
  hasFolder(folder: string): boolean {
    return [...this.#folders].some((each) => isWithin(each, folder))
  }

  /** Removes a folder with all files and folders in it. */
  async removeFolder(folder: string): Promise<void> {
    for (const asset of this.all) if (isWithin(asset.folder, folder)) await this.remove(asset)
    for (const each of this.#folders) if (isWithin(each, folder)) this.#folders.delete(each)
  }

  /** @returns The file that delivery serves at a path. Delivery caches it. */
  deliver(path: string): Asset | undefined {
    const asset = this.#cached.get(path) ?? this.#assets.get(path)
    if (asset) this.#cached.set(path, asset)
    return asset
  }

  /** Removes the copies that delivery keeps of all paths that begin with `prefix`. */
  async purge(prefix: string): Promise<void> {
    for (const [path, asset] of this.#cached) {
      if (!path.startsWith(prefix)) continue
      this.#cached.delete(path)
      await this.#removeBytes(asset)
    }
  }

  /** Keeps the bytes while the library or the cache of delivery refers to them. */
  async #removeBytes(asset: Asset): Promise<void> {
    const path = pathOf(asset)
    if (this.#assets.get(path) !== asset && this.#cached.get(path) !== asset) await rm(asset.bytes, { force: true })
  }
}

export const pathOf = ({ folder, name }: Pick<Asset, 'folder' | 'name'>): string => `${folder}/${name}`

const isWithin = (folder: string, ancestor: string): boolean => `${folder}/`.startsWith(`${ancestor}/`)
