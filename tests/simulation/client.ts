import type { Uploaded } from '../../src/application/upload/upload-media.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import type { Stored } from '../../src/domain/media/media.ts'
import { Broken } from './promises.ts'
import { type Answer, OPEN, Requests, type Sending } from './requests.ts'
import { bytesOf } from './sent-files.ts'
import { touchesProjectionOnly, type World } from './world.ts'

const AGAIN_AFTER = 250
const TRIES = 120

export interface Expecting {
  readonly expect:
    | 'stored'
    | 'replayed'
    | 'body-failed'
    | 'digest-mismatch'
    | 'media-deleted'
    | 'reset'
    | 'no-answer'
    | 'unavailable'
  /** Another answer is right, too, when something went wrong meanwhile or before. */
  readonly dependsOnTime?: boolean
  /** Asks so often and then gives up. */
  readonly triesAtMost?: number
}

/** One media as the client knows it: what it was told, and what it may therefore rely on. */
export interface Known {
  readonly media: Uploaded
  readonly bytes: Buffer
  title: string
  version: number
  isDeleted: boolean
}

/** Sends what people send, asks again where a careful client would, and remembers every answer. */
export class Client {
  readonly known = new Map<Attempt, Known>()
  readonly deleted: Stored[] = []
  /** Names of files that were refused for good. */
  readonly refused = new Set<string>()
  readonly #world: World
  readonly #requests: Requests

  constructor(world: World) {
    this.#world = world
    this.#requests = new Requests(world)
  }

  async upload(sending: Sending & Expecting): Promise<Known | undefined> {
    const { name, key, expect } = sending
    const before = this.#world.disturbances.length
    const ask = () => this.#requests.upload(sending)
    const answer = key === undefined ? await ask() : await this.#untilClear(ask, sending.triesAtMost)
    const isDisturbed = this.#isDisturbedSince(before)
    const found = answer.isOk() ? (answer.value.replayed ? 'replayed' : 'stored') : answer.error.type
    this.#world.note('client', `${name}: ${found}`)
    // A key makes every retry safe, so its client gets an answer in the end; without one, nobody may ask again.
    const isEither = key !== undefined && answer.isOk() && (expect === 'stored' || expect === 'replayed')
    const isExcused = isDisturbed && (isEither || key === undefined || sending.triesAtMost !== undefined)
    if (found !== expect && !isExcused && !(sending.dependsOnTime && this.#isDisturbedSince(0)))
      this.#broke(before, `the upload of ${name} was answered ${found} instead of ${expect}`)
    if (answer.isErr()) {
      if (key === undefined && (answer.error.type === 'unavailable' || !OPEN.has(answer.error.type)))
        this.refused.add(name)
      return undefined
    }
    return this.#remember(answer.value, key)
  }

  /**
   * Gives it a new title; of a lost answer nothing is known until the next one.
   * @param whatever also where somebody else may have changed it meanwhile.
   */
  async rename(known: Known | undefined, title: string, whatever = false): Promise<void> {
    if (!known || known.isDeleted) return
    const { id } = known.media
    const before = this.#world.disturbances.length
    // With the version it may ask again without harm: a first try that comes late changes nothing.
    const condition = whatever ? {} : { precondition: isVersion(known.version) }
    const answer = await this.#untilClear(() => this.#requests.rename(id, { title, ...condition }))
    this.#world.note('client', `rename: ${answer.isOk() ? answer.value.version : answer.error.type}`)
    const wasDone = answer.isErr() && answer.error.type === 'precondition-failed' && this.#isDisturbedSince(before)
    const isGone = answer.isErr() && answer.error.type === 'not-found' && known.isDeleted
    if (answer.isErr() && !wasDone && !isGone) return this.#broke(before, `a rename was answered ${answer.error.type}`)
    known.title = title
    known.version++
  }

  async delete(known: Known | undefined): Promise<void> {
    if (!known) return
    const { id, attempt } = known.media
    const before = this.#world.disturbances.length
    known.isDeleted = true
    const answer = await this.#untilClear(() => this.#requests.delete(id))
    this.#world.note('client', `delete: ${answer.isOk() ? 'done' : answer.error.type}`)
    // The first try may have done it already.
    const isGone = answer.isOk() || (answer.error.type === 'not-found' && this.#isDisturbedSince(before))
    if (!isGone) return this.#broke(before, `a delete was answered ${answer.isOk() || answer.error.type}`)
    this.deleted.push(known.media)
    this.known.delete(attempt)
    const seen = await this.#untilClear(() => this.#requests.get(id))
    if (seen.isOk() && seen.value.attempt === attempt) throw new Broken('R6', 'a deleted media is there')
  }

  async read(known: Known | undefined): Promise<void> {
    if (!known || known.isDeleted) return
    const { media, bytes } = known
    const before = this.#world.disturbances.length
    const whole = await this.#untilClear(() => this.#requests.read(media.id))
    if (whole.isErr()) throw new Broken('R1', `a stored media can't be read: ${whole.error.type}`)
    if (!whole.value.equals(bytes)) throw new Broken('R7', 'a media has other bytes than were sent')
    const listed = await this.#untilClear(() => this.#requests.list())
    if (listed.isErr()) return this.#broke(before, `a list was answered ${listed.error.type}`)
    const { title } = listed.value.items.find(({ attempt }) => attempt === media.attempt) ?? {}
    if (title !== known.title) throw new Broken('R1', `a media is listed as ${title} instead of ${known.title}`)
  }

  /** As an operator would: again, until it has come to its end. */
  async move(from: string, to: string): Promise<void> {
    const before = this.#world.disturbances.length
    const answer = await this.#untilClear(() => this.#requests.move(from, to))
    this.#world.note('client', `move: ${answer.isOk() ? answer.value.media : answer.error.type}`)
    if (answer.isErr()) return this.#broke(before, `a move was answered ${answer.error.type}`)
    const [failure] = answer.value.failures
    if (failure && !this.#isDisturbedSince(before)) this.#broke(before, `a media was not moved: ${failure.reason}`)
  }

  /** Sees where its bytes are by now, which made a new version of it. */
  async isAt(known: Known | undefined, storage: string): Promise<void> {
    if (!known || known.isDeleted) return
    const found = await this.#untilClear(() => this.#requests.get(known.media.id))
    if (found.isErr()) return this.#broke(0, `a media was answered ${found.error.type}`)
    known.version = found.value.version
    if (found.value.storage !== storage && !this.#isDisturbedSince(0))
      this.#broke(0, `${known.media.filename} is still at ${found.value.storage}`)
  }

  /** Nobody should want that; but a queue may be restored from a backup, or be written to by hand. */
  discardByMistake(known: Known | undefined): void {
    if (!known) return
    const { id, storage, storageKey } = known.media
    this.#world.enqueue({ name: 'discard-media', id, storage, storageKey, afterSeconds: 0 })
  }

  sleep(ms: number): Promise<void> {
    return this.#world.clock.sleep(ms)
  }

  #remember(media: Uploaded, key: string | undefined): Known {
    const there = this.known.get(media.attempt)
    if (there) return there
    const twin = [...this.known.values()].find(({ media: { id } }) => id === media.id)
    if (twin && key !== undefined) throw new Broken('R4', `two uploads were stored under the key ${key}`)
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

  async #untilClear<T>(ask: () => Answer<T>, triesAtMost = TRIES): Answer<T> {
    for (let tries = 1; ; tries++) {
      const answer = await ask()
      if (answer.isOk() || !OPEN.has(answer.error.type) || tries === triesAtMost) return answer
      this.#world.note('client', `${answer.error.type}, again`)
      await this.sleep(AGAIN_AFTER)
    }
  }

  #isDisturbedSince(before: number): boolean {
    return this.#world.disturbances.slice(before).some((fired) => !touchesProjectionOnly(fired))
  }

  /** What should have worked did not: because of the cache, or because of nothing at all. */
  #broke(before: number, what: string): void {
    throw new Broken(this.#world.disturbances.slice(before).some(touchesProjectionOnly) ? 'R5' : 'R0', what)
  }
}

const isVersion = (version: number) => (media: Stored) => media.version === version
