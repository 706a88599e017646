import { setImmediate } from 'node:timers/promises'

/** The process of a timer. The timers of a dead process are removed, those of a paused one wait. */
export interface TimerOwner {
  readonly alive: boolean
  readonly pausedUntil: number
}

interface Timer {
  readonly run: () => void
  readonly owner: TimerOwner | undefined
  /** The interval in ms. Undefined for a timer that fires once. */
  readonly every: number | undefined
  at: number
}

const START = Date.UTC(2026, 0, 1)

/**
 * Time that advances only when nothing else can happen. The simulation runs on promises and ticks of Node.js, all of
 * which are done before an immediate runs.
 */
export class VirtualClock {
  now = 0
  readonly #timers = new Set<Timer>()

  at(delay: number, run: () => void, owner?: TimerOwner): Timer {
    const timer = { at: this.now + delay, run, owner, every: undefined }
    this.#timers.add(timer)
    return timer
  }

  every(every: number, run: () => void, owner?: TimerOwner): Timer {
    const timer = { at: this.now + every, run, owner, every }
    this.#timers.add(timer)
    return timer
  }

  cancel(timer: Timer): void {
    this.#timers.delete(timer)
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(delay, resolve)
    })
  }

  /** Advances the time until `work` has settled. */
  async passUntil(work: Promise<unknown>): Promise<void> {
    const state = { isOver: false }
    const end = () => {
      state.isOver = true
    }
    work.then(end, end)
    for (await setImmediate(); !state.isOver; await setImmediate()) this.#next()
    await work
  }

  /**
   * Replaces the global clocks and timers by this clock.
   * @param owner Returns the owner of a new timer.
   * @returns A function that restores the real ones.
   */
  install(owner: () => TimerOwner | undefined): () => void {
    const real = { Date, setInterval, clearInterval, setTimeout, clearTimeout }
    const now = () => this.now
    const VirtualDate = class extends Date {
      constructor(...args: [] | [number]) {
        super(args.length === 0 ? START + now() : args[0])
      }
      static override now = () => START + now()
    }
    const set = (run: () => void, every: number) => this.every(every, run, owner())
    const once = (run: () => void, delay: number) => this.at(delay, run, owner())
    const cancel = (timer: Timer) => this.cancel(timer)
    Object.assign(globalThis, {
      Date: VirtualDate,
      setInterval: set,
      clearInterval: cancel,
      setTimeout: once,
      clearTimeout: cancel,
    })
    Object.defineProperty(performance, 'now', { value: now, configurable: true })
    return () => {
      Object.assign(globalThis, real)
      Reflect.deleteProperty(performance, 'now')
    }
  }

  #next(): void {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.owner && !timer.owner.alive) this.#timers.delete(timer)
      else {
        if (timer.owner) timer.at = Math.max(timer.at, timer.owner.pausedUntil)
        if (first === undefined || timer.at < first.at) first = timer
      }
    }
    if (!first) throw new Error('No timer is left, but the work has not settled.')
    this.now = first.at
    if (first.every === undefined) this.#timers.delete(first)
    else first.at += first.every
    first.run()
  }
}
