import { pngOf } from '../samples.ts'
import { CarefulClient, type KnownMedia } from './careful-client.ts'
import type { ClientLog } from './client-log.ts'
import { seeded } from './seeded.ts'

export interface CrewOptions {
  readonly clients: number
  readonly seed: number
  readonly log: ClientLog
  /** Addresses to be asked just now. */
  readonly servers: () => readonly string[]
  /** As careful clients have it. */
  readonly open?: readonly number[]
}

/** When they are told to end, how long they go on trying to end what is under way. */
const PATIENCE_MS = 60_000
const LARGEST = 2_000_000

/** Clients that upload, read, rename and delete, each one thing after the other on media of its own. */
export class Crew {
  #done = 0
  readonly #working: Promise<unknown>
  #deadline = Number.POSITIVE_INFINITY

  constructor({ clients, seed, log, servers, open }: CrewOptions) {
    const names = Array.from({ length: clients }, (_, n) => `client-${n}`)
    this.#working = Promise.all(
      names.map((name, n) => {
        const random = seeded(seed * 1000 + n)
        const server = () => servers().at(Math.floor(random() * servers().length))
        const client = new CarefulClient({ log, server, deadline: () => this.#deadline, open })
        return this.#work(client, name, random)
      }),
    )
    // Told by `end`, and not before.
    this.#working.catch(() => undefined)
  }

  /** Settles when the last answer is there. */
  async end(): Promise<void> {
    this.#deadline = performance.now() + PATIENCE_MS
    await this.#working
  }

  /** How much was done, in words. */
  get summary(): string {
    return `${this.#done} uploads, reads, renames and deletions`
  }

  async #work(client: CarefulClient, name: string, random: () => number): Promise<void> {
    const mine: KnownMedia[] = []
    for (let n = 0; this.#deadline === Number.POSITIVE_INFINITY; n++) {
      const what = random()
      const [media] = mine.length > 0 ? mine.splice(Math.floor(random() * mine.length), 1) : []
      if (!media || what < 0.5) {
        const uploaded = await this.#upload(client, `${name}-upload-${n}`, random)
        if (uploaded) mine.push(uploaded)
      } else if (what < 0.75) await this.#did(client.read(media))
      else if (what < 0.9) await this.#did(client.rename(media, `${name}-rename-${n}`))
      if (media && what < 0.9) mine.push(media)
      else if (media) await this.#did(client.delete(media))
    }
  }

  #upload(client: CarefulClient, name: string, random: () => number): Promise<KnownMedia | undefined> {
    const bytes = pngOf(100 + Math.floor(random() ** 3 * LARGEST), name)
    const pause = random() < 0.5 ? 0 : random() * 60
    const kind = random()
    const sending = { bytes, title: name, pause }
    if (kind < 0.2) return this.#did(client.upload(sending))
    // Some never come back: what they left is for the server alone to clear away.
    if (kind < 0.35) return this.#did(client.upload({ ...sending, key: name, tries: 1 }))
    return this.#did(client.upload({ ...sending, key: name }))
  }

  async #did<T>(doing: Promise<T>): Promise<T> {
    const result = await doing
    this.#done++
    return result
  }
}
