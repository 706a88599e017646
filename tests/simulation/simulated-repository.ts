import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { isRefused, withRetries } from '../../src/adapters/kysely/failures.ts'
import type { Addition, RowChange, RowOutcome } from '../../src/adapters/kysely/row-batches.ts'
import { BatchQueue } from '../../src/application/batch-queue.ts'
import type { MediaRepository, NotFound } from '../../src/application/ports/media-repository.ts'
import { type Unavailable, unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Mode } from './faults.ts'
import type { Process } from './process.ts'
import { refusal } from './row-locks.ts'
import { changeRows, insertRows, type Session } from './row-transactions.ts'
import type { World } from './world.ts'

/** An item of a batch, and the task of its process, for the names of effects. */
interface BatchItem<Item> {
  readonly task: string
  readonly item: Item
}

type Run<Item, Outcome> = (session: Session, items: readonly Item[]) => Promise<readonly Outcome[]>

const NOT_FOUND = { type: 'not-found' } as const
const BATCHES = { maxItems: 100, isRefused }

/**
 * Additions and changes share commits through the same queue as in `KyselyMediaRepository`.
 * @param perform Performs a method that does not use a queue as one effect.
 */
export function repository(
  process: Process,
  world: World,
  perform: <T, E>(method: string, run: () => ResultAsync<T, E>) => ResultAsync<T, E | Unavailable>,
): MediaRepository {
  const { media } = world

  /** A batch is one effect. A batch of several items has its own name. */
  async function effect<Item, Outcome>(
    method: string,
    batch: readonly BatchItem<Item>[],
    run: Run<Item, Outcome>,
  ): Promise<readonly Outcome[]> {
    const items = batch.map(({ item }) => item)
    const name = items.length > 1 ? `${method}Many` : method
    const commit = (pause?: () => Promise<void>) =>
      ResultAsync.fromPromise(run({ world, process, pause }, items), (error) => error)
    const done = await process.do(batch[0]?.task ?? '', () => process.effect(name, commit, failed))
    if (done.isErr()) throw done.error
    return done.value
  }
  const add = (batch: readonly BatchItem<Addition>[]) => withRetries(() => effect('media.add', batch, insertRows))
  const change = (batch: readonly BatchItem<RowChange>[]) =>
    withRetries(() => effect('media.update', batch, changeRows))
  const additions = new BatchQueue(add, BATCHES)
  const changes = new BatchQueue(change, BATCHES)

  async function changeRow(item: BatchItem<RowChange>): Promise<RowOutcome> {
    const together = await changes.add(item)
    if (together) return together
    const [alone] = await change([item])
    return alone ?? err(NOT_FOUND)
  }
  const get = (id: MediaId) => perform('media.get', () => media.get(id))
  /** Other statements that lock a row also wait for it. */
  const unlocked = <T, E>(id: MediaId, run: () => ResultAsync<T, E>): ResultAsync<T, E | Unavailable> =>
    ResultAsync.fromPromise(world.locks.whenFree([id], run), unavailable('database')).andThen((done) => done)

  return {
    add: (intent, leaseSeconds) =>
      ResultAsync.fromPromise(
        additions.add({ task: process.task, item: { intent, leaseSeconds } }),
        unavailable('database'),
      ).andThen((receiving) =>
        receiving
          ? ok(receiving)
          : get(intent.id)
              .mapErr(toUnavailable)
              .andThen((there) => err({ type: 'already-there', media: there } as const)),
      ),
    get,
    list: (query) => perform('media.list', () => media.list(query)),
    update: (id, change) =>
      ResultAsync.fromPromise(changeRow({ task: process.task, item: { id, change } }), unavailable('database')).andThen(
        (outcome) => outcome as Result<never, never>,
      ),
    renew: (id, ...args) => perform('media.renew', () => unlocked(id, () => media.renew(id, ...args))),
    due: (...args) => perform('media.due', () => media.due(...args)),
    forget: (id, attempt) =>
      perform('media.forget', () =>
        unlocked(id, () => {
          world.forgotten.add(id)
          return media.forget(id, attempt)
        }),
      ),
    scan: (...args) => perform('media.scan', () => media.scan(...args)),
    isUp: () => media.isUp(),
  }
}

const LOST = new Error('simulated')

/** A refusal proves that the batch was rolled back. After a lost connection the outcome is not known. */
const failed = (mode: Mode): Result<never, unknown> => err(mode === 'rolled back' ? refusal('P0001') : LOST)

const toUnavailable = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)
