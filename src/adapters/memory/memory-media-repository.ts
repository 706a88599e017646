import { errAsync, fromThrowable, okAsync, type ResultAsync } from 'neverthrow'
import type {
  AlreadyThere,
  Change,
  Due,
  LeaseLost,
  ListQuery,
  MediaRepository,
  NotFound,
  Place,
} from '../../application/ports/media-repository.ts'
import type { Outbox } from '../../application/ports/outbox.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { MediaEvent } from '../../domain/media/events.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import { type Intent, isDiscardable, type Media, type Receiving, type Stored } from '../../domain/media/media.ts'
import { leaseFrom, receive } from '../../domain/media/transitions.ts'

/**
 * Stores the rows in the memory of this process. Updates are synchronous, so they never overlap.
 *
 * @example
 * const jobs = new MemoryJobs()
 * const media = new MemoryMediaRepository(jobs)
 */
export class MemoryMediaRepository implements MediaRepository {
  readonly #rows = new Map<MediaId, Media>()
  readonly #outbox: Outbox<undefined, void>

  constructor(outbox: Outbox<undefined, void>) {
    this.#outbox = outbox
  }

  add(intent: Intent, leaseSeconds: number): ResultAsync<Receiving, AlreadyThere> {
    const existing = this.#rows.get(intent.id)
    if (existing) return errAsync({ type: 'already-there', media: existing })
    const media = receive(intent, new Date(), leaseSeconds)
    this.#rows.set(media.id, media)
    return okAsync(media)
  }

  get(id: MediaId): ResultAsync<Media, NotFound> {
    const media = this.#rows.get(id)
    return media ? okAsync(media) : errAsync({ type: 'not-found' })
  }

  list({ owner, tag, after, limit }: ListQuery): ResultAsync<readonly Stored[], never> {
    const items = [...this.#rows.values()]
      .filter((media) => media.state === 'stored')
      .filter((media) => owner === undefined || media.owner === owner)
      .filter((media) => tag === undefined || media.tags.includes(tag))
      .filter((media) => after === undefined || newestFirst(after, media) < 0)
      .toSorted(newestFirst)
    return okAsync(items.slice(0, limit))
  }

  update<To extends Media, E>(id: MediaId, change: Change<To, E>): ResultAsync<To, E | NotFound | Unavailable> {
    const media = this.#rows.get(id)
    if (!media) return errAsync({ type: 'not-found' })
    return change(media, new Date())
      .andThrough(({ events }) => this.#addEvents(events))
      .map((transition) => {
        this.#rows.set(id, transition.media)
        return transition.media
      })
      .asyncAndThen((row) => okAsync(row))
  }

  renew(id: MediaId, attempt: Attempt, leaseSeconds: number): ResultAsync<void, LeaseLost> {
    const media = this.#rows.get(id)
    if (media?.state !== 'receiving' || media.attempt !== attempt) return errAsync({ type: 'lease-lost' })
    this.#rows.set(id, { ...media, leaseExpiresAt: leaseFrom(new Date(), leaseSeconds) })
    return okAsync(undefined)
  }

  due(forgetAfterSeconds: number, after: MediaId | undefined, limit: number): ResultAsync<readonly Due[], never> {
    const now = Date.now()
    const isDue = (media: Media): media is Due => {
      if (media.state === 'receiving') return media.leaseExpiresAt.getTime() <= now
      return isDiscardable(media) && (media.discardedAt?.getTime() ?? 0) + forgetAfterSeconds * 1000 <= now
    }
    return okAsync(this.#byId(after).filter(isDue).slice(0, limit))
  }

  forget(id: MediaId, attempt: Attempt): ResultAsync<void, never> {
    const media = this.#rows.get(id)
    if (media && isDiscardable(media) && media.attempt === attempt) this.#rows.delete(id)
    return okAsync(undefined)
  }

  async isUp(): Promise<boolean> {
    return true
  }

  readonly #addEvents = fromThrowable(
    (events: readonly MediaEvent[]) => this.#outbox.add(undefined, events),
    unavailable('database'),
  )

  scan(after: MediaId | undefined, limit: number): ResultAsync<readonly Media[], never> {
    return okAsync(this.#byId(after).slice(0, limit))
  }

  #byId(after: MediaId | undefined): Media[] {
    const rows = [...this.#rows.values()].filter(({ id }) => after === undefined || id > after)
    return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
}

function newestFirst(a: Place, b: Place): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || Number(a.id < b.id) - Number(a.id > b.id)
}
