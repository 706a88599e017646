import { setImmediate } from 'node:timers/promises'

/** Who a timer belongs to: a process that died has none any more, and one that is paused has to wait. */
export interface TimerOwner {
  readonly alive: boolean
  readonly pausedUntil: number
}

interface Timer {
  readonly run: () => void
  readonly owner: TimerOwner | undefined
  /** Comes again so often, in ms; once when absent. */
  readonly every: number | undefined
  at: number
}

const START = Date.UTC(2026, 0, 1)

/**
 * Time that passes only once nothing can happen without it: everything simulated runs on promises and ticks of Node.js,
 * all of which are done when an immediate comes.
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

  /** Lets time pass until `work` is done. */
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
   * Puts this clock in the place of those that the code under test looks at.
   * @param owner whose a timer is that is set just now.
   * @returns puts the real ones back.
   */
  install(owner: () => TimerOwner | undefined): () => void {
    const real = { Date, setInterval, clearInterval, setTimeout, clearTimeout }
    const now = () => this.now
    const VirtualDate = class extends Date {
      constructor(...given: [] | [number]) {
        super(given.length === 0 ? START + now() : given[0])
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
    if (!first) throw new Error('everybody waits and nothing will ever happen')
    this.now = first.at
    if (first.every === undefined) this.#timers.delete(first)
    else first.at += first.every
    first.run()
  }
}
