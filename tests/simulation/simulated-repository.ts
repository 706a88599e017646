import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { isRefused, retried } from '../../src/adapters/kysely/failures.ts'
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

/** An item of a batch, and what its process does with it, for the names of effects. */
interface Asked<Item> {
  readonly task: string
  readonly item: Item
}

type Run<Item, Outcome> = (session: Session, items: readonly Item[]) => Promise<readonly Outcome[]>

const NOT_FOUND = { type: 'not-found' } as const
const BATCHES = { maxItems: 100, isRefused }

/**
 * Additions and changes share commits as those of `KyselyMediaRepository` do, by the same queue.
 * @param ask makes one effect of what needs no queue.
 */
export function repository(
  process: Process,
  world: World,
  ask: <T, E>(method: string, run: () => ResultAsync<T, E>) => ResultAsync<T, E | Unavailable>,
): MediaRepository {
  const { media } = world

  /** A batch is one effect. One of several items has a name of its own. */
  async function effect<Item, Outcome>(
    method: string,
    asked: readonly Asked<Item>[],
    run: Run<Item, Outcome>,
  ): Promise<readonly Outcome[]> {
    const items = asked.map(({ item }) => item)
    const name = items.length > 1 ? `${method}Many` : method
    const commit = (pause?: () => Promise<void>) =>
      ResultAsync.fromPromise(run({ world, process, pause }, items), (error) => error)
    const done = await process.do(asked[0]?.task ?? '', () => process.effect(name, commit, failed))
    if (done.isErr()) throw done.error
    return done.value
  }
  const add = (asked: readonly Asked<Addition>[]) => retried(() => effect('media.add', asked, insertRows))
  const change = (asked: readonly Asked<RowChange>[]) => retried(() => effect('media.update', asked, changeRows))
  const additions = new BatchQueue(add, BATCHES)
  const changes = new BatchQueue(change, BATCHES)

  async function changed(asked: Asked<RowChange>): Promise<RowOutcome> {
    const together = await changes.add(asked)
    if (together) return together
    const [alone] = await change([asked])
    return alone ?? err(NOT_FOUND)
  }
  const get = (id: MediaId) => ask('media.get', () => media.get(id))
  /** Statements that lock a row wait for it, too. */
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
              .mapErr(gone)
              .andThen((there) => err({ type: 'already-there', media: there } as const)),
      ),
    get,
    list: (query) => ask('media.list', () => media.list(query)),
    update: (id, change) =>
      ResultAsync.fromPromise(changed({ task: process.task, item: { id, change } }), unavailable('database')).andThen(
        (outcome) => outcome as Result<never, never>,
      ),
    renew: (id, ...given) => ask('media.renew', () => unlocked(id, () => media.renew(id, ...given))),
    due: (...given) => ask('media.due', () => media.due(...given)),
    forget: (id, attempt) =>
      ask('media.forget', () =>
        unlocked(id, () => {
          world.forgotten.add(id)
          return media.forget(id, attempt)
        }),
      ),
    scan: (...given) => ask('media.scan', () => media.scan(...given)),
    isUp: () => media.isUp(),
  }
}

const LOST = new Error('simulated')

/** A refusal tells that the batch was rolled back; of a connection that broke nothing is known. */
const failed = (mode: Mode): Result<never, unknown> => err(mode === 'rolled back' ? refusal('P0001') : LOST)

const gone = (error: NotFound | Unavailable): Unavailable =>
  error.type === 'unavailable' ? error : unavailable('database')(error)
