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

  at(delay: number, run: () => void, owner?: TimerOwner, every?: number): Timer {
    const timer = { at: this.now + delay, run, owner, every }
    this.#timers.add(timer)
    return timer
  }

  every(interval: number, run: () => void, owner?: TimerOwner): Timer {
    return this.at(interval, run, owner, interval)
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(delay, resolve)
    })
  }

  /**
   * Replaces the global clocks and timers by this clock and advances its time until `work` has settled.
   * @param owner Returns the owner of a new timer.
   */
  async pass(work: () => Promise<void>, owner: () => TimerOwner | undefined): Promise<void> {
    const { Date, setInterval, clearInterval, setTimeout, clearTimeout } = globalThis
    const now = () => this.now
    const VirtualDate = class extends Date {
      constructor(value = VirtualDate.now()) {
        super(value)
      }
      static override now = () => START + now()
    }
    const cancel = (timer: Timer) => this.#timers.delete(timer)
    Object.assign(globalThis, {
      Date: VirtualDate,
      setInterval: (run: () => void, interval: number) => this.every(interval, run, owner()),
      clearInterval: cancel,
      setTimeout: (run: () => void, delay: number) => this.at(delay, run, owner()),
      clearTimeout: cancel,
    })
    Object.defineProperty(performance, 'now', { value: now, configurable: true })
    const state = { isOver: false }
    const working = work().finally(() => {
      state.isOver = true
    })
    working.catch(() => undefined)
    try {
      for (await setImmediate(); !state.isOver; await setImmediate()) this.#next()
    } finally {
      Object.assign(globalThis, { Date, setInterval, clearInterval, setTimeout, clearTimeout })
      Reflect.deleteProperty(performance, 'now')
    }
    await working
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
