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

/** So few that one list shows all of them. */
const [FEWEST, MOST] = [20, 60]
const LARGEST = 300_000

/** Clients that read, change and delete what any of them has uploaded. Settles when all have ended what they were at. */
export async function play({ recorder, log, clients, seed, isOver }: Play): Promise<void> {
  /** What is thought to be there; now and then somebody asks for what is gone. */
  const pool: string[] = []
  const gone: string[] = []
  const digests = new Map<string, string>()
  const some = (ids: readonly string[], random: () => number) => ids[Math.floor(random() * ids.length)]

  const upload = async (client: number, n: number, random: () => number) => {
    const title = `client-${client}-upload-${n}`
    const bytes = pngOf(100 + Math.floor(random() ** 4 * LARGEST), title)
    const known = log.sends(sha256(bytes), title, title)
    const id = await recorder.upload(client, bytes, title, { pause: random() < 0.3 ? 40 : 0, isOver })
    if (id === undefined) return
    known.ids.add(id)
    digests.set(id, known.sha256)
    pool.push(id)
  }

  const live = async (client: number): Promise<void> => {
    const random = seeded(seed * 1000 + client)
    for (let n = 0; !isOver(); n++) {
      const what = random()
      const id = (random() < 0.1 && some(gone, random)) || some(pool, random)
      if (id === undefined || pool.length < FEWEST || (pool.length < MOST && what < 0.03))
        await upload(client, n, random)
      else if (what < 0.5) await recorder.read(client, id)
      else if (what < 0.6) await recorder.title(client, id)
      else if (what < 0.68) await recorder.content(client, id)
      else if (what < 0.74) await recorder.metadata(client, id)
      else if (what < 0.82) await recorder.list(client)
      else if (what < 0.96) {
        const asked = `client-${client}-rename-${n}`
        log.mayBeCalled(digests.get(id) ?? '', asked)
        await recorder.rename(client, id, asked)
      } else {
        pool.splice(0, pool.length, ...pool.filter((each) => each !== id))
        gone.push(id)
        log.mayBeDeleted(digests.get(id) ?? '')
        await recorder.delete(client, id)
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => live(client)))
}

/** Once everything is at rest: each media as it is, by its row and by the cache. */
export async function readAll(recorder: Recorder): Promise<void> {
  recorder.isSettled = true
  const ids = new Set(recorder.operations.flatMap(({ what, id }) => (what === 'upload' && id ? [id] : [])))
  for (const id of ids) {
    await recorder.read(0, id)
    await recorder.title(0, id)
  }
  await recorder.list(0)
}
