/** The transactions of `row-batches.ts` on the rows in memory. Each batch is one transaction. */
import { err, fromThrowable, ok } from 'neverthrow'
import type { Addition, RowChange, RowOutcome } from '../../src/adapters/kysely/row-batches.ts'
import { jobsOf } from '../../src/application/jobs.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { MediaId } from '../../src/domain/media/ids.ts'
import type { Media, Receiving } from '../../src/domain/media/media.ts'
import { refusal } from './locked-rows.ts'
import type { Process } from './process.ts'
import { UNSTORABLE } from './sent-files.ts'
import type { World } from './world.ts'

/** The world and process of a transaction, and the pause before its commit. */
export interface Session {
  readonly world: World
  readonly process: Process
  readonly pause: (() => Promise<void>) | undefined
}

const CHECK_VIOLATION = '23514'

/**
 * Inserts the rows. An addition whose id exists has no outcome. If another transaction inserts an id, this one waits.
 */
export function insertRows(
  session: Session,
  additions: readonly Addition[],
): Promise<readonly (Receiving | undefined)[]> {
  const { clock, media } = session.world
  const ids = additions.map(({ intent }) => intent.id)
  return media.whenFree(ids, async () => {
    if (additions.some(({ intent }) => intent.filename.includes(UNSTORABLE))) throw refusal(CHECK_VIOLATION)
    const began = clock.now
    return committed(session, ids, () => {
      // The lease starts with the statement, not with the commit.
      const passed = (clock.now - began) / 1000
      return Promise.all(
        additions.map(async ({ intent, leaseSeconds }) => media.add(intent, leaseSeconds - passed).unwrapOr(undefined)),
      )
    })
  })
}

/** Changes the rows and publishes their events. A batch skips rows that another transaction has locked. */
export function changeRows(
  session: Session,
  changes: readonly RowChange[],
): Promise<readonly (RowOutcome | undefined)[]> {
  const rows = session.world.media
  const ids = changes.map(({ id }) => id)
  return rows.whenFree(ids.length === 1 ? ids : [], async () => {
    const now = new Date()
    const free = ids.filter((id) => rows.isFree(id))
    const changed = new Map<MediaId, Media>()
    const events: MediaEvent[] = []
    const outcomes = changes.map(({ id, change }): RowOutcome | undefined => {
      const row = changed.get(id) ?? (free.includes(id) ? rows.read(id) : undefined)
      if (!row) return undefined
      const transition = fromThrowable(change, unavailable('database'))(row, now).andThen((result) => result)
      if (transition.isErr()) return err(transition.error)
      const { media } = transition.value
      changed.set(id, media)
      events.push(...transition.value.events)
      return ok(media)
    })
    if ([...changed.values()].some(isUnstorable)) throw refusal(CHECK_VIOLATION)
    return committed(session, free, () => {
      publish(session, events)
      for (const [id, media] of changed) void rows.update(id, () => ok({ media, events: [] }))
      return outcomes
    })
  })
}

const isUnstorable = (row: Media): boolean => row.state === 'stored' && row.title === UNSTORABLE

/** Publishes the events of a transaction. If it throws, the transaction is rolled back. */
function publish({ world, process }: Session, events: readonly MediaEvent[]): void {
  if (events.length === 0) return
  const mode = world.arrive(`${process.task} jobs.publish`, process)
  if (mode === 'crash before') world.kill(process)
  if (mode !== undefined) throw new Error('rolled back')
  for (const job of events.flatMap(jobsOf)) world.enqueue(job)
}

/**
 * Holds the locks during the pause. Without a pause the transaction ends immediately, so no other transaction meets its
 * locks.
 */
async function committed<T>(
  { world, process, pause }: Session,
  ids: readonly MediaId[],
  commit: () => T,
): Promise<Awaited<T>> {
  if (pause) {
    world.media.lock(ids, process)
    await pause()
    world.media.lock(ids)
  }
  return await commit()
}
