import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { sha256 } from '../samples.ts'
import type { Client } from './client.ts'
import type { World } from './world.ts'

/** The guarantees that must hold after any faults. */
export const PROMISES = {
  R0: 'requests without faults succeed',
  R1: 'no lost acknowledgement',
  R2: 'no permanent orphan',
  R3: 'no deletion of a file that may be committed',
  R4: 'at most one media item per Idempotency-Key',
  R5: 'independence of cache and metadata store',
  R6: 'no resurrection',
  R7: 'no incomplete state visible',
} as const

export type PromiseName = keyof typeof PROMISES

export class BrokenPromise extends Error {
  readonly promise: PromiseName

  constructor(promise: PromiseName, what: string) {
    super(what)
    this.promise = promise
  }
}

/**
 * The time that bytes without a row may exist, in ms: a cycle to find them, and another one if the first try failed.
 */
const ORPHAN_MS = 2_500
/**
 * For an upload that never received the id of its file while lists do not show the file yet: the second discard finds
 * it.
 */
const UNLISTED_MS = 6_000
/** For a move that died: twice the time of a copy, which is ten leases, and the second discard after it. */
const COPY_MS = 25_000

/** Reads rows and files directly and throws the first broken promise. */
export class Inspector {
  readonly #world: World
  readonly #client: Client
  readonly #orphanedSince = new Map<string, number>()

  constructor(world: World, client: Client) {
    this.#world = world
    this.#client = client
  }

  /** Checks what must be true at any time. */
  async always(): Promise<void> {
    const rows = await this.#world.rows()
    const files = await this.#world.files()
    const { known, deleted, refused } = this.#client
    for (const row of rows) {
      if (row.state !== 'stored') continue
      const name = `${row.filename} (${row.attempt})`
      const bytes = files.get(row.storageKey)
      if (!bytes) throw new BrokenPromise(known.has(row.attempt) ? 'R1' : 'R3', `the file of ${name} is missing`)
      if (bytes.length !== row.sizeBytes || digestOf(bytes) !== row.sha256)
        throw new BrokenPromise('R7', `${name} has ${bytes.length} of ${row.sizeBytes} bytes, or other bytes`)
      if (deleted.some(({ attempt }) => attempt === row.attempt))
        throw new BrokenPromise('R6', `${name} is visible again`)
      if (refused.has(row.filename)) throw new BrokenPromise('R7', `${name} was refused, but exists`)
    }
    if (this.#world.fired.length < 2 && !this.#world.wasSlow) this.#checkOrphans(rows, files)
  }

  /** Checks what must be true after all processes had time to clean up. */
  async atRest(): Promise<void> {
    await this.always()
    const rows = await this.#world.rows()
    const stored = rows.filter((row) => row.state === 'stored')
    const { known } = this.#client
    for (const { media, bytes, title, isDeleted } of known.values()) {
      const row = stored.find(({ attempt }) => attempt === media.attempt)
      if (isDeleted) continue
      if (!row) throw new BrokenPromise('R1', `${media.filename} was acknowledged, but is missing`)
      if (row.sha256 !== digestOf(bytes))
        throw new BrokenPromise('R1', `${media.filename} has other bytes than were sent`)
      if (row.title !== title) throw new BrokenPromise('R1', `the new title of ${media.filename} is lost`)
    }
    for (const { filename } of stored)
      if (stored.filter((row) => row.filename === filename).length > 1)
        throw new BrokenPromise('R4', `${filename} is stored twice`)

    for (const row of rows)
      if (row.state !== 'stored') throw new BrokenPromise('R2', `the row of ${row.filename} is still ${row.state}`)
    const expected = new Set<string>(stored.map(({ storageKey }) => storageKey))
    for (const key of (await this.#world.files()).keys())
      if (!expected.has(key)) throw new BrokenPromise('R2', `no row has the file ${key}`)
    for (const { job } of this.#world.jobs) throw new BrokenPromise('R2', `the job ${job.name} was never done`)

    for (const row of rows) {
      if (row.state !== 'stored') continue
      const cached = (await this.#world.titles.find(row.id))._unsafeUnwrap()
      // A forgotten media item must not return, so its tombstone hides later titles of the same id for a day.
      const mayMiss = this.#world.titlesWereLost || this.#world.forgotten.has(row.id)
      if (cached ? cached.title !== row.title || cached.version !== row.version : !mayMiss)
        throw new BrokenPromise('R5', `${row.filename} is cached as ${cached?.title} instead of ${row.title}`)
    }
    await this.#checkDocuments(stored)
    for (const { id, attempt } of this.#client.deleted)
      if (!stored.some((row) => row.id === id) && (await this.#world.titles.find(id))._unsafeUnwrap())
        throw new BrokenPromise('R6', `the title of the deleted ${attempt} is still cached`)
  }

  async #checkDocuments(stored: readonly Stored[]): Promise<void> {
    const { metadata } = this.#world
    for (const { id, attempt, filename, sha256 } of stored) {
      const document = (await metadata.find(id, attempt))._unsafeUnwrap()
      if (document?.tags['sha256'] !== sha256)
        throw new BrokenPromise('R5', `${filename} is ${document ? 'described as another' : 'never described'}`)
    }
    for (const { id, attempt } of (await metadata.list())._unsafeUnwrap())
      if (!stored.some((row) => row.id === id && row.attempt === attempt))
        throw new BrokenPromise('R2', `no row has the document of ${attempt}`)
  }

  #checkOrphans(rows: readonly Media[], files: ReadonlyMap<string, Uint8Array>): void {
    const { now } = this.#world.clock
    const expected = new Set<string>(rows.filter(needsFile).map(({ storageKey }) => storageKey))
    const deleted = new Set<string>(rows.filter(isDeleted).map(({ storageKey }) => storageKey))
    for (const file of files.keys()) {
      const key = file.replace(/\.part$/, '') as StorageKey
      if (expected.has(key)) this.#orphanedSince.delete(file)
      else if (!this.#orphanedSince.has(file)) this.#orphanedSince.set(file, now)
      const limits = { memory: ORPHAN_MS, filesystem: ORPHAN_MS, imagekit: UNLISTED_MS, moving: COPY_MS }
      const maxMs = deleted.has(key) ? ORPHAN_MS : limits[this.#world.kind]
      if (now - (this.#orphanedSince.get(file) ?? now) > maxMs)
        throw new BrokenPromise('R2', `no row has had the file ${file} for too long`)
    }
  }
}

const needsFile = ({ state }: Media): boolean => state === 'receiving' || state === 'stored'

const isDeleted = ({ state }: Media): boolean => state === 'deleted'

const digests = new WeakMap<Uint8Array, string>()

/** Files are read often and their bytes never change, so digests are cached. */
function digestOf(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? sha256(bytes)
  digests.set(bytes, digest)
  return digest
}
