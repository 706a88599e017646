import { basename, dirname } from 'node:path'
import { Readable } from 'node:stream'
import type { Disk } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import type { Effect } from './faults.ts'

interface File {
  bytes: Buffer
  durable: Buffer
}

type Node = File | 'folder'

type Perform = <T>(method: string, run: () => T, torn?: () => void) => Promise<T>

/**
 * A file system that keeps only synced data after a power cut: the bytes of a file after a sync of the file, its name
 * after a sync of its folder. POSIX guarantees no more.
 */
export class FragileDisk {
  /** By path. */
  #nodes = new Map<string, Node>([['/', 'folder']])
  #durable = new Map(this.#nodes)

  /** The functions of `node:fs/promises` that the storage uses. */
  asDisk(effect: Effect): Disk {
    const perform: Perform = (method, run, torn) => effect(`disk.${method}`, run, () => failure('EIO', method), torn)
    const disk = {
      mkdir: (path: string) => perform('mkdir', () => this.#mkdir(path)),
      open: async (path: string, flags = 'r') => {
        const isNew = flags === 'wx'
        const node = await perform(isNew ? 'create' : 'open', () => (isNew ? this.#create(path) : this.#find(path)))
        return handle(node, () => this.#sync(path, node), perform)
      },
      readdir: (path: string) =>
        perform('readdir', () => {
          this.#find(path)
          return childrenOf(path, this.#nodes).map(([child]) => basename(child))
        }),
      rename: (from: string, to: string) =>
        perform('rename', () => {
          this.#nodes.set(to, this.#find(from))
          this.#nodes.delete(from)
        }),
      stat: (path: string) =>
        perform('stat', () => ({ size: (this.#find(path) as File).bytes.length, mtime: new Date() })),
      unlink: (path: string) =>
        perform('unlink', () => {
          this.#find(path)
          this.#nodes.delete(path)
        }),
    }
    return disk as unknown as Disk
  }

  losePower(): void {
    const isReachable = (path: string): boolean =>
      this.#durable.has(path) && (path === '/' || isReachable(dirname(path)))
    this.#durable = new Map([...this.#durable].filter(([path]) => isReachable(path)))
    this.#nodes = new Map(this.#durable)
    for (const node of this.#nodes.values()) if (node !== 'folder') node.bytes = node.durable
  }

  /** All files by name. */
  files(): [name: string, file: File][] {
    return [...this.#nodes].flatMap(([path, node]) => (node === 'folder' ? [] : [[basename(path), node]]))
  }

  #mkdir(path: string): void {
    if (this.#nodes.has(path)) return
    this.#mkdir(dirname(path))
    this.#nodes.set(path, 'folder')
  }

  #create(path: string): File {
    this.#find(dirname(path))
    if (this.#nodes.has(path)) throw failure('EEXIST', path)
    const file = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) }
    this.#nodes.set(path, file)
    return file
  }

  #find(path: string): Node {
    const node = this.#nodes.get(path)
    if (!node) throw failure('ENOENT', path)
    return node
  }

  #sync(path: string, node: Node): void {
    if (node !== 'folder') node.durable = node.bytes
    else {
      for (const [child] of childrenOf(path, this.#durable)) this.#durable.delete(child)
      for (const [child, each] of childrenOf(path, this.#nodes)) this.#durable.set(child, each)
    }
  }
}

function handle(node: Node, sync: () => void, perform: Perform) {
  const file = node as File
  return {
    sync: () => perform('sync', sync),
    close: () => perform('close', () => undefined),
    writev: (chunks: readonly Uint8Array[]) => {
      const bytes = Buffer.concat(chunks)
      const append = (bytesWritten: number) => () => {
        file.bytes = Buffer.concat([file.bytes, bytes.subarray(0, bytesWritten)])
        return { bytesWritten }
      }
      return perform('write', append(bytes.length), append(bytes.length / 2))
    },
    createReadStream: ({ start = 0, end = Number.POSITIVE_INFINITY }: { start?: number; end?: number } = {}) => {
      const { bytes } = file
      async function* read() {
        yield await perform('read', () => bytes.subarray(start, end + 1))
      }
      return Readable.from(read())
    },
  }
}

const childrenOf = (folder: string, nodes: ReadonlyMap<string, Node>): [path: string, node: Node][] =>
  [...nodes].filter(([path]) => path !== '/' && dirname(path) === folder)

const failure = (code: string, path: string): Error => Object.assign(new Error(`${code} ${path}`), { code })
