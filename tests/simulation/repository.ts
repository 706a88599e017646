import { err, ok, ResultAsync } from 'neverthrow'
import { isRefused, withRetries } from '../../src/adapters/kysely/failures.ts'
import { BatchQueue } from '../../src/application/batch-queue.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { eachMethod } from './each-method.ts'
import { type Effect, LOST, type Mode } from './faults.ts'
import { refusal } from './locked-rows.ts'
import type { Process } from './process.ts'
import { changeRows, insertRows, type Session } from './row-transactions.ts'
import type { World } from './world.ts'

const BATCHES = { maxItems: 100, isRefused }
const NOT_FOUND = { type: 'not-found' } as const

const fromDatabase = <T>(done: Promise<T>) => ResultAsync.fromPromise(done, unavailable('database'))

/** A refusal proves that the batch was rolled back. After a lost connection the outcome is not known. */
const failure = (mode: Mode): Error => (mode === 'rolled back' ? refusal('P0001') : LOST)

/** Additions and changes share commits through the same queue as in `KyselyMediaRepository`. */
export function repositoryOf(process: Process, world: World, effect: Effect): MediaRepository {
  /** A batch is one effect of the task of its first item. A batch of several items has its own name. */
  const transaction =
    <Item, Outcome>(method: string, run: (session: Session, items: readonly Item[]) => Promise<readonly Outcome[]>) =>
    (batch: readonly { readonly task: string; readonly item: Item }[]): Promise<readonly Outcome[]> => {
      const name = batch.length > 1 ? `${method}Many` : method
      const items = batch.map(({ item }) => item)
      const commit = (pause?: () => Promise<void>) => run({ world, process, pause }, items)
      return withRetries(() => process.do(batch[0]?.task ?? '', () => effect(name, commit, failure)))
    }
  const change = transaction('media.update', changeRows)
  const additions = new BatchQueue(transaction('media.add', insertRows), BATCHES)
  const changes = new BatchQueue(change, BATCHES)

  const repository: MediaRepository = eachMethod<MediaRepository>('media', 'database', () => world.media, effect, {
    add: (intent, leaseSeconds) =>
      fromDatabase(additions.add({ task: process.task, item: { intent, leaseSeconds } })).andThen((receiving) =>
        receiving
          ? ok(receiving)
          : repository
              .get(intent.id)
              .mapErr((error) => (error.type === 'unavailable' ? error : unavailable('database')(error)))
              .andThen((media) => err({ type: 'already-there', media } as const)),
      ),
    update: (id, transition) => {
      const item = { task: process.task, item: { id, change: transition } }
      const outcome = async () => {
        const together = await changes.add(item)
        if (together) return together
        const [alone] = await change([item])
        return alone ?? err(NOT_FOUND)
      }
      return fromDatabase(outcome()).andThen((done) => done as never)
    },
  })
  return repository
}
