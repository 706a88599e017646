import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { BrokenPromise } from './promises.ts'
import { type Answer, Requests, UNDECIDED, type UploadRequest } from './requests.ts'
import { bytesOf, digestOf } from './sent-files.ts'
import { touchesProjectionOnly, type World } from './world.ts'

const RETRY_MS = 250
const TRIES = 120

export interface Expectation {
  readonly expect:
    | 'stored'
    | 'replayed'
    | 'body-failed'
    | 'digest-mismatch'
    | 'media-deleted'
    | 'reset'
    | 'no-answer'
    | 'unavailable'
  /** Whether another answer is also right after any earlier fault. */
  readonly dependsOnTime?: boolean
  /** The maximum number of tries. */
  readonly maxTries?: number
}

/** A media item as the client knows it from the answers. */
export interface KnownMedia {
  readonly media: Uploaded
  readonly bytes: Buffer
  title: string
  version: number
  isDeleted: boolean
}

/** Sends requests, repeats them as a careful client does, and records every answer. */
export class Client {
  readonly known = new Map<Attempt, KnownMedia>()
  readonly deleted: Stored[] = []
  /** The names of files that were refused permanently. */
  readonly refused = new Set<string>()
  readonly #world: World
  readonly #requests: Requests

  constructor(world: World) {
    this.#world = world
    this.#requests = new Requests(world)
  }

  async upload(request: UploadRequest & Expectation): Promise<KnownMedia | undefined> {
    const { name, key, expect } = request
    const before = this.#world.disturbances.length
    const send = () => this.#requests.upload(request)
    const answer = key === undefined ? await send() : await this.#retryUntilDecided(send, request.maxTries)
    const isDisturbed = this.#isDisturbedSince(before)
    const found = answer.isOk() ? (answer.value.replayed ? 'replayed' : 'stored') : answer.error.type
    this.#world.note('client', `${name}: ${found}`)
    // With a key every retry is safe, so the client gets an answer in the end. Without a key it must not retry.
    const isEither = key !== undefined && answer.isOk() && (expect === 'stored' || expect === 'replayed')
    const isExcused = isDisturbed && (isEither || key === undefined || request.maxTries !== undefined)
    if (found !== expect && !isExcused && !(request.dependsOnTime && this.#isDisturbedSince(0)))
      this.#broke(before, `the upload of ${name} returned ${found} instead of ${expect}`)
    if (answer.isErr()) {
      if (key === undefined && (answer.error.type === 'unavailable' || !UNDECIDED.has(answer.error.type)))
        this.refused.add(name)
      return undefined
    }
    if (answer.value.filename !== name || answer.value.sha256 !== digestOf(name))
      throw new BrokenPromise('R0', `the upload of ${name} returned the media item of ${answer.value.filename}`)
    return this.#remember(answer.value, key)
  }

  /**
   * Changes the title. After a lost answer the outcome is not known until the next answer.
   * @param isUnconditional Without an expected version, if another request may change the media item at the same time.
   */
  async rename(known: KnownMedia | undefined, title: string, isUnconditional = false): Promise<void> {
    if (!known || known.isDeleted) return
    const { id } = known.media
    const before = this.#world.disturbances.length
    // With the version the request can be repeated: a first try that arrives late changes nothing.
    const condition = isUnconditional ? {} : { precondition: isVersion(known.version) }
    const answer = await this.#retryUntilDecided(() => this.#requests.rename(id, { title, ...condition }))
    this.#world.note('client', `rename: ${answer.isOk() ? answer.value.version : answer.error.type}`)
    const wasDone = answer.isErr() && answer.error.type === 'precondition-failed' && this.#isDisturbedSince(before)
    const isGone = answer.isErr() && answer.error.type === 'not-found' && known.isDeleted
    if (answer.isErr() && !wasDone && !isGone) return this.#broke(before, `a rename returned ${answer.error.type}`)
    known.title = title
    known.version++
  }

  async delete(known: KnownMedia | undefined): Promise<void> {
    if (!known) return
    const { id, attempt } = known.media
    const before = this.#world.disturbances.length
    known.isDeleted = true
    const answer = await this.#retryUntilDecided(() => this.#requests.delete(id))
    this.#world.note('client', `delete: ${answer.isOk() ? 'done' : answer.error.type}`)
    // The first try may have deleted it.
    const isGone = answer.isOk() || (answer.error.type === 'not-found' && this.#isDisturbedSince(before))
    if (!isGone) return this.#broke(before, `a delete returned ${answer.isOk() || answer.error.type}`)
    this.deleted.push(known.media)
    this.known.delete(attempt)
    const read = await this.#retryUntilDecided(() => this.#requests.get(id))
    if (read.isOk() && read.value.attempt === attempt) throw new BrokenPromise('R6', 'a deleted media item exists')
  }

  async read(known: KnownMedia | undefined): Promise<void> {
    if (!known || known.isDeleted) return
    const { media, bytes } = known
    const before = this.#world.disturbances.length
    const whole = await this.#retryUntilDecided(() => this.#requests.read(media.id))
    if (whole.isErr()) throw new BrokenPromise('R1', `a stored media item cannot be read: ${whole.error.type}`)
    if (!whole.value.equals(bytes)) throw new BrokenPromise('R7', 'a media item has other bytes than were sent')
    const listed = await this.#retryUntilDecided(() => this.#requests.list())
    if (listed.isErr()) return this.#broke(before, `a list returned ${listed.error.type}`)
    const { title } = listed.value.items.find(({ attempt }) => attempt === media.attempt) ?? {}
    if (title !== known.title)
      throw new BrokenPromise('R1', `a media item is listed as ${title} instead of ${known.title}`)
  }

  /** Repeats the move until it completes, as an operator would. */
  async move(from: string, to: string): Promise<void> {
    const before = this.#world.disturbances.length
    const answer = await this.#retryUntilDecided(() => this.#requests.move(from, to))
    this.#world.note('client', `move: ${answer.isOk() ? answer.value.media : answer.error.type}`)
    if (answer.isErr()) return this.#broke(before, `a move returned ${answer.error.type}`)
    const [failure] = answer.value.failures
    if (failure && !this.#isDisturbedSince(before)) this.#broke(before, `a media item was not moved: ${failure.reason}`)
  }

  /** Checks in which storage the file is. A move makes a new version. */
  async checkStorage(known: KnownMedia | undefined, storage: string): Promise<void> {
    if (!known || known.isDeleted) return
    const found = await this.#retryUntilDecided(() => this.#requests.get(known.media.id))
    if (found.isErr()) return this.#broke(0, `a read returned ${found.error.type}`)
    known.version = found.value.version
    if (found.value.storage !== storage && !this.#isDisturbedSince(0))
      this.#broke(0, `${known.media.filename} is still in ${found.value.storage}`)
  }

  /**
   * Adds a discard job for a media item in use. This can happen if a queue is restored from a backup or changed by
   * hand.
   */
  discardByMistake(known: KnownMedia | undefined): void {
    if (!known) return
    const { id, storage, storageKey } = known.media
    this.#world.enqueue({ name: 'discard-media', id, storage, storageKey, afterSeconds: 0 })
  }

  sleep(ms: number): Promise<void> {
    return this.#world.clock.sleep(ms)
  }

  #remember(media: Uploaded, key: string | undefined): KnownMedia {
    const existing = this.known.get(media.attempt)
    if (existing) return existing
    const duplicate = [...this.known.values()].find(({ media: { id } }) => id === media.id)
    if (duplicate && key !== undefined) throw new BrokenPromise('R4', `two uploads were stored under the key ${key}`)
    const known = {
      media,
      bytes: bytesOf(media.filename),
      title: media.title,
      version: media.version,
      isDeleted: false,
    }
    this.known.set(media.attempt, known)
    return known
  }

  async #retryUntilDecided<T>(send: () => Answer<T>, maxTries = TRIES): Answer<T> {
    for (let tries = 1; ; tries++) {
      const answer = await send()
      if (answer.isOk() || !UNDECIDED.has(answer.error.type) || tries === maxTries) return answer
      this.#world.note('client', `${answer.error.type}, retries`)
      await this.sleep(RETRY_MS)
    }
  }

  #isDisturbedSince(before: number): boolean {
    return this.#world.disturbances.slice(before).some((fired) => !touchesProjectionOnly(fired))
  }

  /** Throws for a failed request: R5 if a fault of a projection may be the reason, otherwise R0. */
  #broke(before: number, what: string): void {
    throw new BrokenPromise(this.#world.disturbances.slice(before).some(touchesProjectionOnly) ? 'R5' : 'R0', what)
  }
}

const isVersion = (version: number) => (media: Stored) => media.version === version
