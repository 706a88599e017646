import { pngOf, sha256 } from '../../samples.ts'
import type { ClientLog } from '../client-log.ts'
import { seeded } from '../seeded.ts'
import type { Recorder } from './recorder.ts'

export interface Play {
  readonly recorder: Recorder
  readonly log: ClientLog
  readonly clients: number
  readonly seed: number
  readonly isOver: () => boolean
}

/** The minimum and maximum number of media items. One list can show all of them. */
const [MIN_MEDIA, MAX_MEDIA] = [20, 60]
const LARGEST = 300_000

/**
 * Runs clients that read, change and delete the media items of all of them. Resolves when their last operations have
 * finished.
 */
export async function play({ recorder, log, clients, seed, isOver }: Play): Promise<void> {
  /** The ids that probably exist, and those that were deleted. Some requests are for deleted ones. */
  const pool: string[] = []
  const deleted: string[] = []
  const digests = new Map<string, string>()
  const pick = (ids: readonly string[], random: () => number) => ids[Math.floor(random() * ids.length)]

  const upload = async (client: number, n: number, random: () => number) => {
    const title = `client-${client}-upload-${n}`
    const bytes = pngOf(100 + Math.floor(random() ** 4 * LARGEST), title)
    const record = log.uploadSent(sha256(bytes), title, title)
    const id = await recorder.upload(client, bytes, title, { pauseMs: random() < 0.3 ? 40 : 0, isOver })
    if (id === undefined) return
    record.ids.add(id)
    digests.set(id, record.sha256)
    pool.push(id)
  }

  const runClient = async (client: number): Promise<void> => {
    const random = seeded(seed * 1000 + client)
    for (let n = 0; !isOver(); n++) {
      const choice = random()
      const id = (random() < 0.1 && pick(deleted, random)) || pick(pool, random)
      if (id === undefined || pool.length < MIN_MEDIA || (pool.length < MAX_MEDIA && choice < 0.03))
        await upload(client, n, random)
      else if (choice < 0.5) await recorder.read(client, id)
      else if (choice < 0.6) await recorder.title(client, id)
      else if (choice < 0.68) await recorder.content(client, id)
      else if (choice < 0.74) await recorder.metadata(client, id)
      else if (choice < 0.82) await recorder.list(client)
      else if (choice < 0.96) {
        const asked = `client-${client}-rename-${n}`
        log.renameSent(digests.get(id) ?? '', asked)
        await recorder.rename(client, id, asked)
      } else {
        pool.splice(0, pool.length, ...pool.filter((each) => each !== id))
        deleted.push(id)
        log.deletionSent(digests.get(id) ?? '')
        await recorder.delete(client, id)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => runClient(client)))
}

/** Reads each media item by its row and by the cache, once everything is settled. */
export async function readAll(recorder: Recorder): Promise<void> {
  recorder.isSettled = true
  const ids = new Set(recorder.operations.flatMap(({ what, id }) => (what === 'upload' && id ? [id] : [])))
  for (const id of ids) {
    await recorder.read(0, id)
    await recorder.title(0, id)
  }
  await recorder.list(0)
}
