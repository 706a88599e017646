import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import type { Disk } from '../../src/adapters/filesystem/filesystem-file-storage.ts'

interface File {
  readonly type: 'file'
  bytes: Buffer
  durable: Buffer
}

interface Folder {
  readonly type: 'folder'
  entries: Map<string, File | Folder>
  durable: Map<string, File | Folder>
}

/** Runs `run` as one effect of the process that uses the disk. */
export type Effect = <T>(method: string, run: () => T, torn?: () => void) => Promise<T>

/**
 * A file system that keeps only synced data after a power cut: the bytes of a file after a sync of the file, its name
 * after a sync of its folder. POSIX guarantees no more.
 */
export class FragileDisk {
  readonly #root: Folder = folder()

  /** The functions of `node:fs/promises` that the storage uses. */
  asDisk(effect: Effect): Disk {
    const disk = {
      mkdir: (path: string) => effect('disk.mkdir', () => this.#mkdir(path)),
      open: async (path: string, flags = 'r') => {
        const isNew = flags === 'wx'
        const node = await effect(isNew ? 'disk.create' : 'disk.open', () =>
          isNew ? this.#create(path) : this.#find(path),
        )
        return handle(node, effect)
      },
      readdir: (path: string) => effect('disk.readdir', () => [...this.#folder(path).entries.keys()]),
      rename: (from: string, to: string) =>
        effect('disk.rename', () => {
          const node = this.#find(from)
          this.#folder(dirname(to)).entries.set(nameOf(to), node)
          this.#folder(dirname(from)).entries.delete(nameOf(from))
        }),
      stat: (path: string) =>
        effect('disk.stat', () => ({ size: (this.#find(path) as File).bytes.length, mtime: new Date() })),
      unlink: (path: string) =>
        effect('disk.unlink', () => {
          this.#find(path)
          this.#folder(dirname(path)).entries.delete(nameOf(path))
        }),
    }
    return disk as unknown as Disk
  }

  losePower(): void {
    restore(this.#root)
  }

  /** All files by name. */
  files(): Map<string, Buffer> {
    const found = new Map<string, Buffer>()
    const walk = ({ entries }: Folder) => {
      for (const [name, node] of entries) {
        if (node.type === 'file') found.set(name, node.bytes)
        else walk(node)
      }
    }
    walk(this.#root)
    return found
  }

  #mkdir(path: string): string | undefined {
    let at = this.#root
    let firstFolder: string | undefined
    let current = ''
    for (const name of namesIn(path)) {
      current += `/${name}`
      let next = at.entries.get(name)
      if (!next) {
        next = folder()
        at.entries.set(name, next)
        firstFolder ??= current
      }
      at = next as Folder
    }
    return firstFolder
  }

  #create(path: string): File {
    const { entries } = this.#folder(dirname(path))
    if (entries.has(nameOf(path))) throw failure('EEXIST', path)
    const file: File = { type: 'file', bytes: Buffer.alloc(0), durable: Buffer.alloc(0) }
    entries.set(nameOf(path), file)
    return file
  }

  #find(path: string): File | Folder {
    let at: File | Folder = this.#root
    for (const name of namesIn(path)) {
      const next: File | Folder | undefined = at.type === 'folder' ? at.entries.get(name) : undefined
      if (!next) throw failure('ENOENT', path)
      at = next
    }
    return at
  }

  #folder(path: string): Folder {
    return this.#find(path) as Folder
  }
}

function handle(node: File | Folder, effect: Effect) {
  const sync = (): void => {
    if (node.type === 'file') node.durable = node.bytes
    else node.durable = new Map(node.entries)
  }
  const close = () => effect('disk.close', () => undefined)
  const append = (bytes: Buffer): void => {
    const file = node as File
    file.bytes = Buffer.concat([file.bytes, bytes])
  }
  return {
    sync: () => effect('disk.sync', sync),
    close,
    writev: (chunks: readonly Uint8Array[]) => {
      const bytes = Buffer.concat(chunks)
      const half = bytes.subarray(0, bytes.length / 2)
      const write = () => {
        append(bytes)
        return { bytesWritten: bytes.length }
      }
      return effect('disk.write', write, () => append(half))
    },
    createReadStream: ({ start = 0, end }: { start?: number; end?: number } = {}) => {
      const { bytes } = node as File
      async function* read() {
        yield await effect('disk.read', () => bytes.subarray(start, end === undefined ? undefined : end + 1))
      }
      return Readable.from(read())
    },
  }
}

const folder = (): Folder => ({ type: 'folder', entries: new Map(), durable: new Map() })

function restore(node: File | Folder): void {
  if (node.type === 'file') {
    node.bytes = node.durable
    return
  }
  node.entries = new Map(node.durable)
  for (const each of node.entries.values()) restore(each)
}

const namesIn = (path: string): string[] => path.split('/').filter((name) => name !== '')
const nameOf = (path: string): string => namesIn(path).at(-1) ?? ''

const failure = (code: string, path: string): Error => Object.assign(new Error(`${code} ${path}`), { code })
