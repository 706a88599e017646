import type { Result } from 'neverthrow'
import type { Mediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { touchesProjectionOnly } from './faults.ts'
import { assertKept } from './promises.ts'
import { contentOf, isUndecided, send, type UploadRequest, untilDecided, uploadOf } from './requests.ts'
import { bytesOf, digestOf } from './sent-files.ts'
import type { World } from './world.ts'

const always = () => true

export interface Expectation {
  /** `stored`, `replayed`, or the type of an error. */
  readonly expect: string
  /** Whether another answer is also right after any earlier fault. */
  readonly dependsOnTime?: boolean
  /** The maximum number of tries. */
  readonly maxTries?: number
}

/** A media item as a client knows it from the answers. */
export interface KnownMedia {
  readonly media: Uploaded
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

  constructor(world: World) {
    this.#world = world
  }

  async upload(request: UploadRequest & Expectation): Promise<KnownMedia | undefined> {
    const { name, key, expect, maxTries, dependsOnTime } = request
    const before = this.#world.disturbances.length
    // With a key every retry is safe, so the client gets an answer in the end. Without a key it must not retry.
    const answer = await untilDecided(this.#world, uploadOf(this.#world, request), key === undefined ? 1 : maxTries)
    const isDisturbed = this.#isDisturbedSince(before)
    const found = answer.isOk() ? (answer.value.replayed ? 'replayed' : 'stored') : answer.error.type
    this.#world.note('client', `${name}: ${found}`)
    const isEither = key !== undefined && answer.isOk() && (expect === 'stored' || expect === 'replayed')
    const isExcused = isDisturbed && (isEither || key === undefined || maxTries !== undefined)
    const isExpected = found === expect || isExcused || (dependsOnTime === true && this.#isDisturbedSince(0))
    this.#assertAnswered(isExpected, before, `the upload of ${name} returned ${found} instead of ${expect}`)
    if (answer.isErr()) {
      if (key === undefined && (answer.error.type === 'unavailable' || !isUndecided(answer.error)))
        this.refused.add(name)
      return undefined
    }
    const isSame = answer.value.filename === name && answer.value.sha256 === digestOf(name)
    assertKept('R0', isSame, `the upload of ${name} returned the media item of ${answer.value.filename}`)
    return this.#remember(answer.value, key)
  }

  /**
   * Changes the title. After a lost answer the outcome is not known until the next answer.
   * @param isUnconditional Without an expected version, if another request may change the media item at the same time.
   */
  async rename(known: KnownMedia | undefined, title: string, isUnconditional = false): Promise<void> {
    if (!known || known.isDeleted) return
    // With the version the request can be repeated: a first try that arrives late changes nothing.
    const { version } = known
    const condition = isUnconditional ? {} : { precondition: (media: Stored) => media.version === version }
    const change = { title, ...condition }
    const isExcused = (type: string, isDisturbed: boolean) =>
      (type === 'precondition-failed' && isDisturbed) || (type === 'not-found' && known.isDeleted)
    await this.#request(
      'rename',
      (mediaport) => mediaport.changeMedia(known.media.id, { owner: EVERYONE, ...change }),
      isExcused,
    )
    known.title = title
    known.version++
  }

  async delete(known: KnownMedia | undefined): Promise<void> {
    if (!known) return
    const { id, attempt } = known.media
    known.isDeleted = true
    // The first try may have deleted it.
    const isExcused = (type: string, isDisturbed: boolean) => type === 'not-found' && isDisturbed
    await this.#request('delete', (mediaport) => mediaport.deleteMedia(id, { owner: EVERYONE }), isExcused)
    this.deleted.push(known.media)
    this.known.delete(attempt)
    const found = await this.#request('get', (mediaport) => mediaport.getMedia(id, { owner: EVERYONE }), always)
    assertKept('R6', found?.attempt !== attempt, 'a deleted media item exists')
  }

  async read(known: KnownMedia | undefined): Promise<void> {
    if (!known || known.isDeleted) return
    const { media } = known
    const whole = await this.#request('read', contentOf(media.id), always)
    assertKept('R1', whole, `the stored media item ${media.filename} cannot be read`)
    assertKept('R7', whole.equals(bytesOf(media.filename)), 'a media item has other bytes than were sent')
    const page = await this.#request('list', (mediaport) => mediaport.listMedia({ owner: EVERYONE }))
    const { title } = page?.items.find(({ attempt }) => attempt === media.attempt) ?? {}
    assertKept('R1', title === known.title, `a media item is listed as ${title} instead of ${known.title}`)
  }

  /** Repeats the move until it completes, as an operator would. */
  async move(from: string, to: string): Promise<void> {
    const before = this.#world.disturbances.length
    const moved = await this.#request('move', (mediaport) => mediaport.moveMedia({ from, to }))
    const [failure] = moved?.failures ?? []
    const isExpected = !failure || this.#isDisturbedSince(before)
    this.#assertAnswered(isExpected, before, `a media item was not moved: ${failure?.reason}`)
  }

  /** Checks in which storage the file is. A move makes a new version. */
  async checkStorage(known: KnownMedia | undefined, storage: string): Promise<void> {
    if (!known || known.isDeleted) return
    const found = await this.#request('get', (mediaport) => mediaport.getMedia(known.media.id, { owner: EVERYONE }))
    if (!found) return
    known.version = found.version
    const isExpected = found.storage === storage || this.#isDisturbedSince(0)
    this.#assertAnswered(isExpected, 0, `${known.media.filename} is still in ${found.storage}`)
  }

  /** Adds a discard job for a media item in use, as when a queue is restored from a backup or changed by hand. */
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
    assertKept('R4', !duplicate || key === undefined, `two uploads were stored under the key ${key}`)
    const { title, version } = media
    const known = { media, title, version, isDeleted: false }
    this.known.set(media.attempt, known)
    return known
  }

  /**
   * Repeats a request until its outcome is known.
   * @param isExcused Whether an error is right. By default none is.
   * @returns Undefined after an error.
   */
  async #request<T, E extends { readonly type: string }>(
    task: string,
    request: (mediaport: Mediaport) => PromiseLike<Result<T, E>>,
    isExcused: (type: string, isDisturbed: boolean) => boolean = () => false,
  ): Promise<T | undefined> {
    const before = this.#world.disturbances.length
    const answer = await untilDecided(this.#world, () => send(this.#world, task, request))
    this.#world.note('client', `${task}: ${answer.isOk() ? 'done' : answer.error.type}`)
    if (answer.isOk()) return answer.value
    const { type } = answer.error
    this.#assertAnswered(isExcused(type, this.#isDisturbedSince(before)), before, `a ${task} returned ${type}`)
    return undefined
  }

  #isDisturbedSince(before: number): boolean {
    return this.#world.disturbances.slice(before).some((fired) => !touchesProjectionOnly(fired))
  }

  /** Throws unless a request was answered as expected. If a fault of a projection may be the reason, R5 is broken. */
  #assertAnswered(isExpected: boolean, before: number, what: string): void {
    const mayBeProjection = this.#world.disturbances.slice(before).some(touchesProjectionOnly)
    assertKept(mayBeProjection ? 'R5' : 'R0', isExpected, what)
  }
}
