import { AsyncLocalStorage } from 'node:async_hooks'
import type { Mediaport } from '../../src/application/mediaport.ts'
import type { TimerOwner, VirtualClock } from './virtual-clock.ts'

const context = new AsyncLocalStorage<{ readonly process: Process; readonly task: string }>()

/** The process that runs the current code. */
export const currentProcess = (): Process | undefined => context.getStore()?.process

/** A server with its worker. It can be paused and killed at each of its effects. */
export class Process implements TimerOwner {
  readonly name: string
  readonly mediaport: Mediaport
  /** Resolves when the process dies. */
  readonly death = Promise.withResolvers<void>()
  alive = true
  pausedUntil = 0
  readonly #clock: VirtualClock

  constructor(name: string, clock: VirtualClock, boot: (process: Process) => Mediaport) {
    this.name = name
    this.#clock = clock
    this.mediaport = boot(this)
  }

  get answers(): boolean {
    return this.alive && this.pausedUntil <= this.#clock.now
  }

  /** The current task, for the names of effects. */
  get task(): string {
    return context.getStore()?.task ?? 'no task'
  }

  do<T>(task: string, run: () => T): T {
    return context.run({ process: this, task }, run)
  }

  end(): void {
    this.alive = false
    this.death.resolve()
  }

  /**
   * Waits while the process is paused, and forever if it is dead. Callers check `answers` first, which saves time at
   * every effect.
   */
  async untilRunning(): Promise<void> {
    while (this.pausedUntil > this.#clock.now) await this.#clock.sleep(this.pausedUntil - this.#clock.now)
    if (!this.alive) await new Promise(() => {})
  }
}
