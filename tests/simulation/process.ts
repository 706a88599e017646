import { AsyncLocalStorage } from 'node:async_hooks'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import { LANDING_DELAY_MS, LONG_PAUSE_MS, type Mode, PAUSE_MS } from './faults.ts'
import { portsOf } from './simulated-ports.ts'
import type { TimerOwner } from './virtual-clock.ts'
import type { QueuedJob, World } from './world.ts'

const LEASE_SECONDS = 2
/** A copy may take ten leases. A long pause must be longer. */
const COPY_LEASE_SECONDS = 1
export const FORGET_AFTER_SECONDS = 3
const CYCLE_MS = 1_000

interface TaskContext {
  readonly process: Process
  readonly task: string
}

const context = new AsyncLocalStorage<TaskContext>()

/** The process that runs the current code. */
export const currentProcess = (): Process | undefined => context.getStore()?.process

/** A server with its worker. Each of its effects on the world passes through `effect`, which can make it fail. */
export class Process implements TimerOwner {
  readonly name: string
  readonly mediaport: Mediaport
  /** Resolves when the process dies. */
  readonly death = Promise.withResolvers<'reset'>()
  alive = true
  pausedUntil = 0
  readonly #world: World

  constructor(world: World, name: string) {
    this.#world = world
    this.name = name
    const leaseSeconds = world.kind === 'moving' ? COPY_LEASE_SECONDS : LEASE_SECONDS
    const policy = { leaseSeconds, forgetAfterSeconds: FORGET_AFTER_SECONDS, storageTimeoutSeconds: 5 }
    this.mediaport = createMediaport(portsOf(this, world), policy)
    world.clock.every(CYCLE_MS, () => this.#cycle(), this)
  }

  get answers(): boolean {
    return this.alive && this.pausedUntil <= this.#world.clock.now
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
    this.death.resolve('reset')
  }

  /**
   * @param run Performs the effect. A transaction calls `pause` before it commits.
   * @param failed Returns the caller's result if the effect fails. May throw.
   */
  async effect<T>(
    method: string,
    run: (pause?: () => Promise<void>) => PromiseLike<T> | T,
    failed: (mode: Mode) => T,
    torn?: () => void,
  ): Promise<T> {
    await (this.answers || this.#untilRunning())
    const { clock } = this.#world
    const effect = `${this.task} ${method}`
    const mode = this.#world.arrive(effect, this)
    const { disturbances } = this.#world
    switch (mode) {
      case undefined:
        return this.#answer(run)
      case 'crash before':
        return this.#die()
      case 'crash after':
        await run()
        disturbances.push({ effect, mode })
        return this.#die()
      case 'torn':
        torn?.()
        return this.#die()
      case 'refused':
      case 'rolled back':
        return failed(mode)
      case 'answer lost':
        await run()
        return failed(mode)
      case 'lands later':
        this.#world.landing++
        clock.at(LANDING_DELAY_MS, () => {
          this.#world.note(this.name, `${method} takes effect`)
          this.#world.landing--
          void run()
        })
        return failed(mode)
      case 'late':
      case 'very late':
        await this.pause(mode === 'late' ? PAUSE_MS : LONG_PAUSE_MS)
        return this.#answer(run)
      case 'late, holding locks':
        return this.#answer(() => run(() => this.pause(PAUSE_MS)))
      case 'late, cache lost':
        await this.pause(PAUSE_MS)
        this.#world.loseTitles()
        return this.#answer(run)
      case 'late, then dead':
        await this.pause(PAUSE_MS)
        await run()
        disturbances.push({ effect, mode })
        return this.#die()
      case 'power cut before':
        this.#world.cutPower()
        return this.#die()
      case 'power cut after':
        await run()
        disturbances.push({ effect, mode })
        this.#world.cutPower()
        return this.#die()
    }
  }

  /** As `effect`, for reads: a late answer is old when it is used. */
  async read<T>(method: string, run: () => PromiseLike<T> | T, failed: () => T): Promise<T> {
    await (this.answers || this.#untilRunning())
    const mode = this.#world.arrive(`${this.task} ${method}`, this)
    if (mode === 'crash before') return this.#die()
    if (mode === 'refused') return failed()
    const answer = await run()
    if (mode !== undefined) await this.pause(mode === 'late' ? PAUSE_MS : LONG_PAUSE_MS)
    await (this.answers || this.#untilRunning())
    return answer
  }

  async #answer<T>(run: () => PromiseLike<T> | T): Promise<T> {
    const answer = await run()
    await (this.answers || this.#untilRunning())
    return answer
  }

  /**
   * Waits while the process is paused, and forever if it is dead. Callers check `answers` first, which saves time at
   * every effect.
   */
  async #untilRunning(): Promise<void> {
    const { clock } = this.#world
    while (this.pausedUntil > clock.now) await clock.sleep(this.pausedUntil - clock.now)
    if (!this.alive) return this.#never()
  }

  #die(): Promise<never> {
    if (this.alive) this.#world.kill(this)
    return this.#never()
  }

  #never(): Promise<never> {
    return new Promise(() => {})
  }

  /** Pauses the process as SIGSTOP does. Another process takes over. */
  async pause(durationMs: number): Promise<void> {
    const world = this.#world
    this.pausedUntil = world.clock.now + durationMs
    // Other processes take over its jobs.
    for (const job of world.jobs) if (job.claimedBy === this) job.claimedBy = undefined
    if (!world.processes.some((each) => each.answers)) world.start()
    await world.clock.sleep(durationMs)
    world.note(this.name, 'continues')
    if (!this.alive) await this.#never()
  }

  #cycle(): void {
    void this.do('reap', () => this.mediaport.reapUploads())
    for (const queued of this.#world.jobs)
      if (queued.claimedBy === undefined && queued.dueAt <= this.#world.clock.now) {
        queued.claimedBy = this
        void this.do(queued.job.name, () => this.#work(queued))
      }
  }

  async #work(queued: QueuedJob): Promise<void> {
    const done = await this.mediaport.work(queued.job)
    const isDone = done.isOk() && (await this.effect('jobs.done', () => this.#world.jobs.delete(queued), notDone))
    if (isDone || queued.claimedBy !== this) return
    queued.claimedBy = undefined
    queued.dueAt = this.#world.clock.now + CYCLE_MS
  }
}

const notDone = (): boolean => false
