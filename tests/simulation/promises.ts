import type { StorageKey } from '../../src/domain/media/ids.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { sha256 } from '../samples.ts'
import type { Client } from './client.ts'
import type { World } from './world.ts'

/** What must be true whatever happened. */
export const PROMISES = {
  R0: 'what nothing disturbs works',
  R1: 'no lost acknowledgement',
  R2: 'no permanent orphan',
  R3: 'never delete what may be committed',
  R4: 'at most one media per Idempotency-Key',
  R5: 'independence of cache and metadata store',
  R6: 'no resurrection',
  R7: 'no half state visible',
} as const

export type PromiseName = keyof typeof PROMISES

export class Broken extends Error {
  readonly promise: PromiseName

  constructor(promise: PromiseName, what: string) {
    super(what)
    this.promise = promise
  }
}

/** How long bytes may lie about that no row wants, in ms: a cycle to find them, another where the first try failed. */
const ORPHAN_MS = 2_500
/** What an upload left that never learnt its file's name there, and a list doesn't show yet: the second discard finds it. */
const UNLISTED_MS = 6_000
/** What a move left that died: twice what a copy may take, which is ten leases, and the second discard after it. */
const COPY_MS = 25_000

/** Looks at rows and files as they are, behind everybody's back, and throws the first promise that is broken. */
export class Inspector {
  readonly #world: World
  readonly #client: Client
  readonly #unwantedSince = new Map<string, number>()

  constructor(world: World, client: Client) {
    this.#world = world
    this.#client = client
  }

  /** What must be true at every moment. */
  async always(): Promise<void> {
    const rows = await this.#world.rows()
    const files = await this.#world.files()
    const { known, deleted, refused } = this.#client
    for (const row of rows) {
      if (row.state !== 'stored') continue
      const name = `${row.filename} (${row.attempt})`
      const bytes = files.get(row.storageKey)
      if (!bytes) throw new Broken(known.has(row.attempt) ? 'R1' : 'R3', `the file of ${name} is gone`)
      if (bytes.length !== row.sizeBytes || digestOf(bytes) !== row.sha256)
        throw new Broken('R7', `${name} shows ${bytes.length} of ${row.sizeBytes} bytes, or others`)
      if (deleted.some(({ attempt }) => attempt === row.attempt)) throw new Broken('R6', `${name} is back`)
      if (refused.has(row.filename)) throw new Broken('R7', `${name} was refused, and is there`)
    }
    if (this.#world.fired.length < 2 && !this.#world.wasSlow) this.#orphansGoInTime(rows, files)
  }

  /** What must be true once everybody had time to clean up. */
  async atRest(): Promise<void> {
    await this.always()
    const rows = await this.#world.rows()
    const stored = rows.filter((row) => row.state === 'stored')
    const { known } = this.#client
    for (const { media, bytes, title, isDeleted } of known.values()) {
      const row = stored.find(({ attempt }) => attempt === media.attempt)
      if (isDeleted) continue
      if (!row) throw new Broken('R1', `${media.filename} was acknowledged, and is not there`)
      if (row.sha256 !== digestOf(bytes)) throw new Broken('R1', `${media.filename} has other bytes than were sent`)
      if (row.title !== title) throw new Broken('R1', `the new title of ${media.filename} is lost`)
    }
    for (const { filename } of stored)
      if (stored.filter((row) => row.filename === filename).length > 1)
        throw new Broken('R4', `there are two of ${filename}`)

    for (const row of rows)
      if (row.state !== 'stored') throw new Broken('R2', `the row of ${row.filename} is still ${row.state}`)
    const wanted = new Set<string>(stored.map(({ storageKey }) => storageKey))
    for (const key of (await this.#world.files()).keys())
      if (!wanted.has(key)) throw new Broken('R2', `nobody wants the file ${key}`)
    for (const { job } of this.#world.jobs) throw new Broken('R2', `the job ${job.name} is never done`)

    for (const row of rows) {
      if (row.state !== 'stored') continue
      const cached = (await this.#world.titles.find(row.id))._unsafeUnwrap()
      // What was forgotten under this id must not come back, so the cache keeps out what comes after it, too, for a day.
      const mayMiss = this.#world.titlesWereLost || this.#world.forgotten.has(row.id)
      if (cached ? cached.title !== row.title || cached.version !== row.version : !mayMiss)
        throw new Broken('R5', `${row.filename} is cached as ${cached?.title} instead of ${row.title}`)
    }
    await this.#documentsAreOf(stored)
    for (const { id, attempt } of this.#client.deleted)
      if (!stored.some((row) => row.id === id) && (await this.#world.titles.find(id))._unsafeUnwrap())
        throw new Broken('R6', `the title of the deleted ${attempt} is still cached`)
  }

  async #documentsAreOf(stored: readonly Stored[]): Promise<void> {
    const { metadata } = this.#world
    for (const { id, attempt, filename, sha256 } of stored) {
      const document = (await metadata.find(id, attempt))._unsafeUnwrap()
      if (document?.tags['sha256'] !== sha256)
        throw new Broken('R5', `${filename} is ${document ? 'described as another' : 'never described'}`)
    }
    for (const { id, attempt } of (await metadata.list())._unsafeUnwrap())
      if (!stored.some((row) => row.id === id && row.attempt === attempt))
        throw new Broken('R2', `nobody wants the document about ${attempt}`)
  }

  #orphansGoInTime(rows: readonly Media[], files: ReadonlyMap<string, Uint8Array>): void {
    const { now } = this.#world.clock
    const wanted = new Set<string>(rows.filter(isWanted).map(({ storageKey }) => storageKey))
    const deleted = new Set<string>(rows.filter(isDeleted).map(({ storageKey }) => storageKey))
    for (const file of files.keys()) {
      const key = file.replace(/\.part$/, '') as StorageKey
      if (wanted.has(key)) this.#unwantedSince.delete(file)
      else if (!this.#unwantedSince.has(file)) this.#unwantedSince.set(file, now)
      const patience = { memory: ORPHAN_MS, filesystem: ORPHAN_MS, imagekit: UNLISTED_MS, moving: COPY_MS }
      const atMost = deleted.has(key) ? ORPHAN_MS : patience[this.#world.kind]
      if (now - (this.#unwantedSince.get(file) ?? now) > atMost)
        throw new Broken('R2', `nobody has wanted the file ${file} for too long`)
    }
  }
}

const isWanted = ({ state }: Media): boolean => state === 'receiving' || state === 'stored'

const isDeleted = ({ state }: Media): boolean => state === 'deleted'

const digests = new WeakMap<Uint8Array, string>()

/** Files are looked at often, and their bytes are never changed in place. */
function digestOf(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? sha256(bytes)
  digests.set(bytes, digest)
  return digest
}
