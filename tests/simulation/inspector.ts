import type { Media, Stored } from '../../src/domain/media/media.ts'
import { sha256 } from '../samples.ts'
import type { Client } from './client.ts'
import { assertKept } from './promises.ts'
import type { World } from './world.ts'

/** A cycle to find bytes without a row, and another one if the first try failed. */
const ORPHAN_MS = 2_500
/** How long bytes without a row may exist. The row of a deleted file leads to them, so their limit is `ORPHAN_MS`. */
const LIMITS_MS = {
  memory: ORPHAN_MS,
  filesystem: ORPHAN_MS,
  // If an upload never received the id of its file and lists do not show it yet, the second discard finds it.
  imagekit: 6_000,
  // If a move died: twice the time of a copy, which is ten leases, and the second discard after it.
  moving: 25_000,
}

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
    const { fired } = this.#world
    const rows = await this.#world.rows()
    const files = await this.#world.files()
    const { known, deleted, refused } = this.#client
    for (const { attempt, filename, storageKey, sizeBytes, sha256 } of rows.filter(isStored)) {
      const name = `${filename} (${attempt})`
      const bytes = files.get(storageKey)
      assertKept(known.has(attempt) ? 'R1' : 'R3', bytes, `the file of ${name} is missing`)
      const isWhole = bytes.length === sizeBytes && digestOf(bytes) === sha256
      assertKept('R7', isWhole, `${name} has ${bytes.length} of ${sizeBytes} bytes, or other bytes`)
      assertKept('R6', !deleted.some((media) => media.attempt === attempt), `${name} is visible again`)
      assertKept('R7', !refused.has(filename), `${name} was refused, but exists`)
    }
    // After several faults, or if a process was paused, files may exist for longer.
    if (fired.length < 2 && !fired.some(({ mode }) => mode.includes('late'))) this.#checkOrphans(rows, files.keys())
  }

  /** Checks what must be true after all processes had time to clean up. */
  async atRest(): Promise<void> {
    await this.always()
    const rows = await this.#world.rows()
    const stored = rows.filter(isStored)
    for (const { media, title, isDeleted } of this.#client.known.values()) {
      if (isDeleted) continue
      const row = stored.find(({ attempt }) => attempt === media.attempt)
      assertKept('R1', row, `${media.filename} was acknowledged, but is missing`)
      assertKept('R1', row.sha256 === media.sha256, `${media.filename} has other bytes than were sent`)
      assertKept('R1', row.title === title, `the new title of ${media.filename} is lost`)
    }
    for (const [name, { length }] of Map.groupBy(stored, ({ filename }) => filename))
      assertKept('R4', length === 1, `${name} is stored ${length} times`)
    for (const { filename, state } of rows)
      assertKept('R2', state === 'stored', `the row of ${filename} is still ${state}`)
    const keys = new Set<string>(stored.map(({ storageKey }) => storageKey))
    for (const key of (await this.#world.files()).keys()) assertKept('R2', keys.has(key), `no row has the file ${key}`)
    for (const { job } of this.#world.jobs) assertKept('R2', false, `the job ${job.name} was never done`)
    await this.#checkTitles(stored)
    await this.#checkDocuments(stored)
  }

  async #checkTitles(stored: readonly Stored[]): Promise<void> {
    const { titles, titlesWereLost, media } = this.#world
    for (const { id, filename, title, version } of stored) {
      const cached = (await titles.find(id))._unsafeUnwrap()
      // A forgotten media item must not return, so its tombstone hides later titles of the same id for a day.
      const mayMiss = titlesWereLost || media.forgotten.has(id)
      const isRight = cached ? cached.title === title && cached.version === version : mayMiss
      assertKept('R5', isRight, `${filename} is cached as ${cached?.title} instead of ${title}`)
    }
    for (const { id, attempt } of this.#client.deleted) {
      const isGone = stored.some((row) => row.id === id) || !(await titles.find(id))._unsafeUnwrap()
      assertKept('R6', isGone, `the title of the deleted ${attempt} is still cached`)
    }
  }

  async #checkDocuments(stored: readonly Stored[]): Promise<void> {
    const { metadata } = this.#world
    for (const { id, attempt, filename, sha256 } of stored) {
      const document = (await metadata.find(id, attempt))._unsafeUnwrap()
      const what = document ? 'described as another' : 'never described'
      assertKept('R5', document?.tags['sha256'] === sha256, `${filename} is ${what}`)
    }
    for (const { id, attempt } of (await metadata.list())._unsafeUnwrap()) {
      const hasRow = stored.some((row) => row.id === id && row.attempt === attempt)
      assertKept('R2', hasRow, `no row has the document of ${attempt}`)
    }
  }

  #checkOrphans(rows: readonly Media[], files: Iterable<string>): void {
    const { clock, kind } = this.#world
    const states = new Map<string, Media['state']>(rows.map(({ storageKey, state }) => [storageKey, state]))
    for (const file of files) {
      const state = states.get(file.replace(/\.part$/, ''))
      if (state === 'receiving' || state === 'stored') {
        this.#orphanedSince.delete(file)
        continue
      }
      const since = this.#orphanedSince.get(file) ?? clock.now
      this.#orphanedSince.set(file, since)
      const limitMs = state === 'deleted' ? ORPHAN_MS : LIMITS_MS[kind]
      assertKept('R2', clock.now - since <= limitMs, `no row has had the file ${file} for too long`)
    }
  }
}

const isStored = (row: Media): row is Stored => row.state === 'stored'

const digests = new WeakMap<Uint8Array, string>()

/** Files are read often and their bytes never change, so digests are cached. */
function digestOf(bytes: Uint8Array): string {
  const digest = digests.get(bytes) ?? sha256(bytes)
  digests.set(bytes, digest)
  return digest
}
