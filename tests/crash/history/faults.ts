import { setTimeout } from 'node:timers/promises'
import type { ServerProcess } from '../../integration/mediaport-process.ts'
import { type Installation, LEASE } from '../installation.ts'
import type { OwnStores } from '../own-stores.ts'

/** Causes random faults: kills and pauses of two servers and a worker, and restarts of the stores. */
export class Faults {
  readonly done = new Map<string, number>()
  readonly #installation: Installation
  readonly #stores: OwnStores
  readonly #random: () => number
  readonly #running: { readonly command: 'serve' | 'worker'; process: ServerProcess }[] = []
  readonly #pauses = new Set<Promise<void>>()

  private constructor(installation: Installation, stores: OwnStores, random: () => number) {
    this.#installation = installation
    this.#stores = stores
    this.#random = random
  }

  static async start(installation: Installation, stores: OwnStores, random: () => number): Promise<Faults> {
    const faults = new Faults(installation, stores, random)
    for (const command of ['serve', 'serve', 'worker'] as const)
      faults.#running.push({ command, process: await installation.start(command) })
    return faults
  }

  /** Causes one fault, chosen at random. Resolves when it has occurred. A pause continues after that. */
  async next(): Promise<string> {
    const kinds = ['kill', 'kill', 'pause within the lease', 'pause beyond the lease', 'restart'] as const
    const kind = kinds[Math.floor(this.#random() * kinds.length)] ?? 'kill'
    const what = kind === 'restart' ? await this.#restart() : await this.#hitProcess(kind)
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1)
    return what
  }

  /** The number of faults of each kind, for the table. */
  get summary(): string {
    return [...this.done]
      .toSorted()
      .map(([kind, times]) => `${times} × ${kind}`)
      .join(', ')
  }

  /** Resolves when all pauses have ended. */
  async end(): Promise<void> {
    await Promise.all(this.#pauses)
  }

  async #hitProcess(kind: 'kill' | 'pause within the lease' | 'pause beyond the lease'): Promise<string> {
    const n = Math.floor(this.#random() * this.#running.length)
    const victim = this.#running[n]
    if (!victim) return 'nothing'
    if (kind === 'kill') {
      // SIGKILL also ends a paused process.
      await this.#installation.kill(victim.process)
      victim.process = this.#installation.launch(victim.command)
    } else this.#pause(victim.process, kind === 'pause within the lease' ? LEASE / 2 : LEASE * 2)
    return `${kind} of ${victim.command} ${n}`
  }

  #pause({ child }: ServerProcess, seconds: number): void {
    const pause = async (): Promise<void> => {
      child.kill('SIGSTOP')
      await setTimeout(seconds * 1000)
      child.kill('SIGCONT')
    }
    this.#pauses.add(pause())
  }

  async #restart(): Promise<string> {
    return `restart of ${await this.#stores.restart(Math.floor(this.#random() * 3), 300)}`
  }
}
