import { pngOf } from '../samples.ts'
import { CarefulClient, type KnownMedia } from './careful-client.ts'
import type { ClientLog } from './client-log.ts'
import { seeded } from './seeded.ts'

export interface WorkloadOptions {
  readonly clients: number
  readonly seed: number
  readonly log: ClientLog
  /** The addresses of the servers that can be used now. */
  readonly servers: () => readonly string[]
  /** As in `CareOptions`. */
  readonly open?: readonly number[]
}

/** The time in which the clients must finish their last operations after `end`. */
const TIMEOUT_MS = 60_000
const LARGEST = 2_000_000

/** Clients that upload, read, rename and delete. Each client does one operation at a time on its own media items. */
export class Workload {
  #done = 0
  readonly #working: Promise<unknown>
  #deadline = Number.POSITIVE_INFINITY

  constructor({ clients, seed, log, servers, open }: WorkloadOptions) {
    const names = Array.from({ length: clients }, (_, n) => `client-${n}`)
    this.#working = Promise.all(
      names.map((name, n) => {
        const random = seeded(seed * 1000 + n)
        const server = () => servers().at(Math.floor(random() * servers().length))
        const client = new CarefulClient({ log, server, deadline: () => this.#deadline, open })
        return this.#work(client, name, random)
      }),
    )
    // `end` reports a rejection.
    this.#working.catch(() => undefined)
  }

  /** Stops the clients. Resolves when they have finished their last operations. */
  async end(): Promise<void> {
    this.#deadline = performance.now() + TIMEOUT_MS
    await this.#working
  }

  /** The number of operations, for the table. */
  get summary(): string {
    return `${this.#done} uploads, reads, renames and deletions`
  }

  async #work(client: CarefulClient, name: string, random: () => number): Promise<void> {
    const ownMedia: KnownMedia[] = []
    for (let n = 0; this.#deadline === Number.POSITIVE_INFINITY; n++) {
      const choice = random()
      const [media] = ownMedia.length > 0 ? ownMedia.splice(Math.floor(random() * ownMedia.length), 1) : []
      if (!media || choice < 0.5) {
        const uploaded = await this.#upload(client, `${name}-upload-${n}`, random)
        if (uploaded) ownMedia.push(uploaded)
      } else if (choice < 0.75) await this.#count(client.read(media))
      else if (choice < 0.9) await this.#count(client.rename(media, `${name}-rename-${n}`))
      if (media && choice < 0.9) ownMedia.push(media)
      else if (media) await this.#count(client.delete(media))
    }
  }

  #upload(client: CarefulClient, name: string, random: () => number): Promise<KnownMedia | undefined> {
    const bytes = pngOf(100 + Math.floor(random() ** 3 * LARGEST), name)
    const pauseMs = random() < 0.5 ? 0 : random() * 60
    const kind = random()
    const request = { bytes, title: name, pauseMs }
    if (kind < 0.2) return this.#count(client.upload(request))
    // Some clients do not repeat a failed upload, so that only the server can clean it up.
    if (kind < 0.35) return this.#count(client.upload({ ...request, key: name, tries: 1 }))
    return this.#count(client.upload({ ...request, key: name }))
  }

  async #count<T>(operation: Promise<T>): Promise<T> {
    const result = await operation
    this.#done++
    return result
  }
}
